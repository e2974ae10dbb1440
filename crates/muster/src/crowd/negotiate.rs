//! In which representation a request comes and its answer goes: XML or JSON, each way by itself.
//!
//! Invariant: whoever does not ask gets XML (`protocols/crowd.md` 0.1.4); a suffix of the path has the
//! last word.

use axum::http::{HeaderMap, HeaderValue, header};

/// A way to write entities.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Representation {
    /// XML without namespaces.
    Xml,
    /// JSON with the names of the XML.
    Json,
}

impl Representation {
    /// The media type.
    pub(super) fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Xml => "application/xml;charset=UTF-8",
            Self::Json => "application/json;charset=UTF-8",
        })
    }

    /// Takes `.json` or `.xml` off the end of a path.
    pub(super) fn suffix(path: &str) -> (&str, Option<Self>) {
        if let Some(stem) = path.strip_suffix(".json") {
            (stem, Some(Self::Json))
        } else if let Some(stem) = path.strip_suffix(".xml") {
            (stem, Some(Self::Xml))
        } else {
            (path, None)
        }
    }

    /// What the client likes best of what there is; `None` when it likes neither.
    pub(super) fn accepted(headers: &HeaderMap) -> Option<Self> {
        let mut lines = headers.get_all(header::ACCEPT).iter().peekable();
        if lines.peek().is_none() {
            return Some(Self::Xml);
        }
        let ranges = lines.filter_map(|line| line.to_str().ok()).flat_map(|line| line.split(','));
        let mut best: Option<((u32, u32), Self)> = None;
        let mut blank = true;
        for range in ranges {
            let mut parameters = range.split(';').map(str::trim);
            let media = parameters.next().unwrap_or_default().to_ascii_lowercase();
            blank &= media.is_empty();
            let (precision, representation) = match media.as_str() {
                "application/xml" | "text/xml" => (2, Self::Xml),
                "application/json" => (2, Self::Json),
                "application/*" => (1, Self::Xml),
                "*/*" | "*" => (0, Self::Xml),
                _ => continue,
            };
            let rank = (weight(parameters), precision);
            if rank.0 > 0 && best.is_none_or(|(best, _)| rank > best) {
                best = Some((rank, representation));
            }
        }
        if blank { Some(Self::Xml) } else { best.map(|(_, representation)| representation) }
    }

    /// What a request's body is written in; `None` when it is something else.
    pub(super) fn of_body(headers: &HeaderMap) -> Option<Self> {
        let Some(given) = headers.get(header::CONTENT_TYPE) else { return Some(Self::Xml) };
        let media = given.to_str().ok()?.split(';').next()?.trim().to_ascii_lowercase();
        match media.as_str() {
            "application/xml" | "text/xml" => Some(Self::Xml),
            "application/json" => Some(Self::Json),
            _ => None,
        }
    }
}

/// The weight of a media range in thousandths.
fn weight<'a>(mut parameters: impl Iterator<Item = &'a str>) -> u32 {
    let given = parameters.find_map(|parameter| parameter.strip_prefix("q="));
    let weight = given.map_or(1.0, |q| q.trim().parse::<f32>().unwrap_or(1.0));
    #[expect(clippy::cast_sign_loss, reason = "clamped to 0..=1")]
    let thousandths = (weight.clamp(0.0, 1.0) * 1000.0) as u32;
    thousandths
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted(accept: &str) -> Option<Representation> {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, accept.parse().unwrap());
        Representation::accepted(&headers)
    }

    #[test]
    fn xml_comes_first_and_json_on_request() {
        use Representation::{Json, Xml};
        assert_eq!(Representation::accepted(&HeaderMap::new()), Some(Xml));
        assert_eq!(accepted("*/*"), Some(Xml));
        assert_eq!(accepted("application/json"), Some(Json));
        assert_eq!(accepted("application/json, application/xml;q=0.5"), Some(Json));
        assert_eq!(accepted("application/json;q=0.4, application/xml;q=0.5"), Some(Xml));
        assert_eq!(accepted("application/json, text/plain, */*"), Some(Json));
        let java = "text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2";
        assert_eq!(accepted(java), Some(Xml));
        assert_eq!(accepted("text/html"), None);
    }
}
