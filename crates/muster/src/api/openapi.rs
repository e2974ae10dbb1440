//! The description of the admin API (OpenAPI 3.1), made of the handlers' own.
//!
//! Invariant: a route is registered together with its description, so neither is without the other; what every
//! operation of a kind can answer, and which scope it needs, is written here once and by the code that checks it.

use std::sync::LazyLock;

use axum::{
    http::{Method, header},
    response::{IntoResponse, Response},
};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        Components, Info, OpenApi, RefOr, Tag,
        content::Content,
        path::{Operation, PathItem},
        response::{Response as Answer, ResponseBuilder},
        schema::Ref,
        security::{Http, HttpAuthScheme, SecurityScheme},
    },
};

use utoipa_axum::router::OpenApiRouter;

use directory::reference::{Candidate, Matched};

use super::{Problem, event::Stands};

/// Where the admin API lies.
pub(crate) const BASE: &str = "/api/v1";
/// The name of the way in.
pub(super) const BEARER: &str = "bearer";

const ABOUT: &str = "Everything that the console can do. Bodies are JSON. Every answer that is not a success is an \
    `application/problem+json` (RFC 9457) whose `detail` names the thing and the next step; an address that does not \
    know a method answers 405. Times are milliseconds since 1970, in UTC.\n\n\
    A caller sends `Authorization: Bearer TOKEN`. A token has scopes: `read` looks at everything, `write` changes \
    everything, `admin` looks at and changes administrators and tokens; each operation names the one that it needs.\n\n\
    Long lists come in pages: `next` of an answer is the `cursor` of the request for what follows; the last page has \
    no `next`. A cursor stays good while the list changes.";

const TAGS: [(&str, &str); 9] = [
    ("directories", "Virtual user directories: connect, look, synchronise, set up."),
    ("decisions", "What waits for a person, and putting a directory back."),
    ("people", "People and groups as products see them, and why."),
    ("applications", "Products that may read directories."),
    ("alerts", "What is the matter, and who is told."),
    (
        "changes",
        "The change log of directories, the audit log of administrators, and both as they happen.",
    ),
    ("administrators", "Who may sign in to the console."),
    ("tokens", "Tokens for this API."),
    ("server", "The server itself."),
];

static DESCRIPTION: LazyLock<OpenApi> = LazyLock::new(|| {
    let whole = OpenApiRouter::with_openapi(beginning());
    let whole = whole.nest(BASE, super::every().router);
    finished(whole.into_openapi())
});

static TEXT: LazyLock<String> =
    LazyLock::new(|| DESCRIPTION.to_json().expect("a description is made of texts and numbers"));

/// The description of all routes.
pub fn description() -> &'static OpenApi {
    &DESCRIPTION
}

/// This description.
#[utoipa::path(get, path = "/openapi.json", tag = "server", security(()), responses(
    (status = 200, description = "What was asked for.", body = serde_json::Value),
))]
pub(super) async fn openapi() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], TEXT.as_str()).into_response()
}

/// What the description says beside its routes.
fn beginning() -> OpenApi {
    let mut info = Info::new("Muster admin API", env!("CARGO_PKG_VERSION"));
    info.description = Some(ABOUT.to_owned());
    let mut openapi = OpenApi::new(info, utoipa::openapi::Paths::new());
    let mut components = Components::new();
    let mut scheme = Http::new(HttpAuthScheme::Bearer);
    scheme.description = Some(
        "A token of the console's administrators page or of `muster token add`, or the server's own in `admin.json`."
            .to_owned(),
    );
    components.add_security_scheme(BEARER, SecurityScheme::Http(scheme));
    // What no handler names: problems are added to all, and what stands in an event is a text there.
    let unnamed = [
        (Problem::name(), Problem::schema()),
        (Candidate::name(), Candidate::schema()),
        (Matched::name(), Matched::schema()),
        (Stands::name(), Stands::schema()),
    ];
    components.schemas.extend(unnamed.map(|(name, schema)| (name.into_owned(), schema)));
    openapi.components = Some(components);
    let tag = |(name, about): (&str, &str)| {
        let mut tag = Tag::new(name);
        tag.description = Some(about.to_owned());
        tag
    };
    openapi.tags = Some(TAGS.map(tag).to_vec());
    openapi
}

/// The operations of an address, each with its method.
pub(crate) fn operations(item: &PathItem) -> impl Iterator<Item = (Method, &Operation)> {
    let all = [
        (Method::GET, &item.get),
        (Method::POST, &item.post),
        (Method::PUT, &item.put),
        (Method::PATCH, &item.patch),
        (Method::DELETE, &item.delete),
    ];
    all.into_iter().filter_map(|(method, operation)| Some((method, operation.as_ref()?)))
}

pub(super) fn operations_mut(
    item: &mut PathItem,
) -> impl Iterator<Item = (Method, &mut Operation)> {
    let all = [
        (Method::GET, &mut item.get),
        (Method::POST, &mut item.post),
        (Method::PUT, &mut item.put),
        (Method::PATCH, &mut item.patch),
        (Method::DELETE, &mut item.delete),
    ];
    all.into_iter().filter_map(|(method, operation)| Some((method, operation.as_mut()?)))
}

/// Adds what all operations have in common.
fn finished(mut openapi: OpenApi) -> OpenApi {
    for (path, item) in &mut openapi.paths.paths {
        for (method, operation) in operations_mut(item) {
            let tag = operation.tags.as_ref().and_then(|tags| tags.first());
            let own = operation.operation_id.take().unwrap_or_default();
            operation.operation_id =
                Some(format!("{}.{own}", tag.map_or("server", String::as_str)));
            complete(&method, path, operation);
        }
    }
    openapi
}

fn complete(method: &Method, path: &str, operation: &mut Operation) {
    let scope = scope(operation);
    let open = scope.is_none();
    if let Some(scope) = scope {
        answer(operation, "401", "There is no token, or it does not work (any more).");
        answer(operation, "403", &format!("The token lacks the scope `{scope}`."));
        answer(operation, "500", "The server could not do it; its log says why.");
    }
    let (in_path, body) = (path.contains('{'), operation.request_body.is_some());
    if body || operation.parameters.as_ref().is_some_and(|parameters| !parameters.is_empty()) {
        answer(
            operation,
            "400",
            "The request cannot be understood, or not be carried out as it is.",
        );
    }
    if in_path {
        answer(operation, "404", "What the address names is not there.");
    }
    if body {
        answer(operation, "415", "The body is not said to be `application/json`.");
    }
    if !open && *method != Method::GET {
        answer(operation, "413", "The body is longer than 1 MiB.");
    }
    for (status, response) in &mut operation.responses.responses {
        if let RefOr::T(response) = response
            && status.as_str() >= "400"
        {
            let problem = Content::new(Some(Ref::from_schema_name(Problem::name())));
            response.content.insert("application/problem+json".to_owned(), RefOr::T(problem));
        }
    }
}

/// The scope that an operation needs, as its route declared.
fn scope(operation: &Operation) -> Option<String> {
    let needed = serde_json::to_value(operation.security.as_ref()?.first()?).ok()?;
    Some(needed.get(BEARER)?.get(0)?.as_str()?.to_owned())
}

/// Adds an answer unless the handler describes it itself.
fn answer(operation: &mut Operation, status: &str, words: &str) {
    let answer = || -> RefOr<Answer> { ResponseBuilder::new().description(words).build().into() };
    operation.responses.responses.entry(status.to_owned()).or_insert_with(answer);
}
