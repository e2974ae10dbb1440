//! The gate before every page: who comes in, and what a browser may do with what it gets.
//!
//! Invariants: what changes something is refused unless it comes from a page of this server and from an
//! administrator; over a network nothing is shown without encryption; no page runs a script of anybody else.

use axum::{
    body::Body,
    extract::{Request, State},
    http::{HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Redirect, Response},
};

use super::{
    Console,
    page::{Refusal, RefusalPage, Theme, Visit, show_with},
    request::Caller,
    session,
};

/// What readers may do too: it concerns themselves only.
const OWN_AFFAIRS: [&str; 4] =
    ["/sign-out", "/account/password", "/account/sign-out-everywhere", "/account/theme"];

const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
     form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
);

/// Before pages for whoever is signed in.
pub(super) async fn closed(
    State(console): State<Console>,
    request: Request,
    next: Next,
) -> Response {
    pass(console, request, next, true).await
}

/// Before pages for everybody: signing in, the first start.
pub(super) async fn open(State(console): State<Console>, request: Request, next: Next) -> Response {
    pass(console, request, next, false).await
}

async fn pass(console: Console, request: Request, next: Next, closed: bool) -> Response {
    let (mut parts, body) = request.into_parts();
    let public = console.app.public_url.clone();
    let caller = Caller::of(&parts, public.as_ref());
    let path = parts.uri.path_and_query().map(ToString::to_string).unwrap_or_default();
    let theme = Theme::of(&parts.headers);
    let mut visit = Visit { console: console.clone(), who: None, caller, theme, path };
    let encrypted = visit.caller.secure || visit.caller.names_this_machine();
    if !encrypted && !console.allow_plain_http {
        return finished(&visit, unencrypted().into_response());
    }
    let reads = matches!(parts.method, Method::GET | Method::HEAD);
    if !reads && !visit.caller.is_own_page(&parts.headers, public.as_ref()) {
        let text = "The request did not come from a page of this server. If a proxy stands before it, name the \
                    proxy in trusted_proxies or the address in public_url.";
        let refusal = Refusal::forbidden("This request comes from elsewhere", text);
        return finished(&visit, refusal.into_response());
    }
    match session::find(&console.app, &parts.headers, &visit.caller).await {
        Ok(who) => visit.who = who,
        Err(error) => return finished(&visit, Refusal::from(error).into_response()),
    }
    if closed && let Some(answer) = objection(&visit, parts.uri.path(), reads) {
        return finished(&visit, answer);
    }
    parts.extensions.insert(visit.clone());
    let request = Request::from_parts(parts, body);
    if reads {
        let response = next.run(request).await;
        return finished(&visit, response);
    }
    // Whatever becomes of the browser, what was begun is brought to its end.
    let response = match console.app.run_out(async move { next.run(request).await }).await {
        Ok(response) => response,
        Err(error) => Refusal::from(error).into_response(),
    };
    finished(&visit, response)
}

/// What is said to somebody who may not see the page, or not do what was asked for.
fn objection(visit: &Visit, path: &str, reads: bool) -> Option<Response> {
    if visit.who.is_none() {
        let to = if reads && visit.path.len() > 1 {
            let next: String =
                url::form_urlencoded::byte_serialize(visit.path.as_bytes()).collect();
            format!("/sign-in?next={next}")
        } else {
            "/sign-in".to_owned()
        };
        return Some(Redirect::to(&to).into_response());
    }
    // The wizard's pages show what only an administrator may have.
    let reads = reads && !path.starts_with("/connect");
    if !reads && !visit.may_change() && !OWN_AFFAIRS.contains(&path) {
        let text = "You are signed in as a reader: you can look at everything and change nothing. Ask an \
                    administrator to do it, or to make you one.";
        return Some(Refusal::forbidden("This needs an administrator", text).into_response());
    }
    None
}

fn unencrypted() -> Refusal {
    let text = "Passwords and credentials would go over the network in the clear. Put a proxy with https before this \
                server and name it in public_url and trusted_proxies; or come through a tunnel, such as \
                ssh -L 8095:127.0.0.1:8095 SERVER, and open http://127.0.0.1:8095/; or set allow_plain_http = true \
                in the configuration file where the network is yours alone.";
    Refusal::forbidden("The console wants an encrypted connection", text)
}

/// What is made of an answer of the framework's own: it could not read the address or the form, and says so in plain text.
fn unreadable(response: &Response) -> Option<Refusal> {
    let plain = response.headers().get(header::CONTENT_TYPE)?.as_bytes().starts_with(b"text/plain");
    if !plain || !response.status().is_client_error() {
        return None;
    }
    let text = "The address or the form says something that this page cannot read, such as a word where a number is \
                meant. Go back one page and try again.";
    Some(Refusal { status: response.status(), ..Refusal::bad_request(text) })
}

/// Makes the page of a refusal, and tells the browser what it may do with the answer.
fn finished(visit: &Visit, mut response: Response) -> Response {
    let refusal = response.extensions_mut().remove::<Refusal>();
    if let Some(refusal) = refusal.or_else(|| unreadable(&response)) {
        let page = RefusalPage {
            frame: visit.frame(refusal.title, ""),
            status: refusal.status.as_u16(),
            text: refusal.text,
        };
        response = show_with(refusal.status, &page).unwrap_or_else(|_| {
            Response::builder().status(refusal.status).body(Body::empty()).unwrap_or_default()
        });
    }
    let headers = response.headers_mut();
    let fixed = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::REFERRER_POLICY, HeaderValue::from_static("same-origin")),
        (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            HeaderValue::from_static("same-origin"),
        ),
        (
            HeaderName::from_static("permissions-policy"),
            HeaderValue::from_static("camera=(), microphone=(), geolocation=()"),
        ),
    ];
    for (name, value) in fixed {
        headers.insert(name, value);
    }
    if visit.caller.secure {
        let year = HeaderValue::from_static("max-age=31536000");
        headers.insert(header::STRICT_TRANSPORT_SECURITY, year);
    }
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    response
}

/// An address that leads nowhere.
pub(super) async fn nowhere() -> Refusal {
    Refusal {
        status: StatusCode::NOT_FOUND,
        title: "Nothing is here".to_owned(),
        text: "The address is mistyped, or what it led to was removed.".to_owned(),
    }
}
