//! Style, script and mark: compiled in, and kept by browsers until they change.

use std::sync::LazyLock;

use axum::{
    extract::Path,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use sha2::{Digest, Sha256};

const STYLE: &str = include_str!("../../assets/console.css");
const SCRIPT: &str = include_str!("../../assets/console.js");
const MARK: &str = include_str!("../../assets/mark.svg");

/// What changes when any of the files does.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    let digest = Sha256::digest([STYLE, SCRIPT, MARK].concat().as_bytes());
    let part = digest.iter().take(6).fold(0_u64, |part, byte| part << 8 | u64::from(*byte));
    format!("{part:012x}")
});

/// What changes when any of the files does.
pub(crate) fn version() -> &'static str {
    &VERSION
}

/// `/assets/VERSION/NAME`; an old version gets what there is now, and keeps it not.
pub(super) async fn serve(Path((asked, name)): Path<(String, String)>) -> Response {
    let (kind, text) = match name.as_str() {
        "console.css" => ("text/css; charset=utf-8", STYLE),
        "console.js" => ("text/javascript; charset=utf-8", SCRIPT),
        "mark.svg" => ("image/svg+xml", MARK),
        _ => return StatusCode::NOT_FOUND.into_response(),
    };
    let kept = if asked == *VERSION { "public, max-age=31536000, immutable" } else { "no-cache" };
    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, kept)], text).into_response()
}
