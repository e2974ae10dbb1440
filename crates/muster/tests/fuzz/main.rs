//! Fuzzes what clients send: bodies in XML and JSON, CQL, paths. Nothing may panic, answer 5xx or take
//! long; a search has one answer however it is written, and it is the one of a naive evaluation.
//!
//! `MUSTER_FUZZ_SECONDS` (3), `MUSTER_FUZZ_SEED` (chance) and `MUSTER_FUZZ_CASE` (all) are for people:
//! `MUSTER_FUZZ_SECONDS=600 cargo test -p muster --test fuzz --release`.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod chance;
mod mutate;
mod search;
mod server;
mod written;

use std::{
    collections::hash_map::RandomState,
    fmt::Write as _,
    hash::BuildHasher,
    io::Write as _,
    time::{Duration, Instant},
};

use self::{
    chance::Chance,
    mutate::Corpus,
    search::{CQL_MODES, MODES, Search},
    server::{Answer, Server},
};

/// An input is suspect when it takes longer three times running: once may be the machine.
const SLOW: Duration = Duration::from_secs(1);
const XML: &str = "application/xml";
const JSON: &str = "application/json";

#[expect(clippy::disallowed_methods, reason = "how long to fuzz is the developer's choice")]
fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[expect(clippy::disallowed_methods, reason = "fuzzing ends with the time that it was given")]
fn now() -> Instant {
    Instant::now()
}

#[test]
fn no_input_brings_the_server_down() {
    let seconds = setting("MUSTER_FUZZ_SECONDS").unwrap_or(3);
    let seed = setting("MUSTER_FUZZ_SEED").unwrap_or_else(|| RandomState::new().hash_one(0));
    let only = setting("MUSTER_FUZZ_CASE");
    // Written past the test's capture: whoever sees a failure needs the seed.
    let mut out = std::io::stderr();
    writeln!(out, "fuzzing for {seconds} s with MUSTER_FUZZ_SEED={seed}").unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (server, corpus) = (Server::new(), Corpus::read());
    let (began, mut slowest, mut cases) = (now(), Duration::ZERO, 0);
    let mut hits = Hits::default();
    while now().duration_since(began).as_secs() < seconds {
        let case = only.unwrap_or(cases);
        let run = |hits: &mut Hits| {
            let started = now();
            let chance = Chance::of(seed, case);
            let done = runtime.block_on(one(&server, &corpus, chance, hits));
            if let Err(finding) = done {
                panic!("MUSTER_FUZZ_SEED={seed} MUSTER_FUZZ_CASE={case}: {finding}");
            }
            now().duration_since(started)
        };
        let took = run(&mut hits);
        slowest = slowest.max(took);
        let slow = took > SLOW && run(&mut hits) > SLOW && run(&mut hits) > SLOW;
        assert!(!slow, "MUSTER_FUZZ_SEED={seed} MUSTER_FUZZ_CASE={case} takes {took:?}");
        cases += 1;
        if only.is_some() {
            break;
        }
    }
    writeln!(out, "{cases} cases, {hits:?}, the slowest took {slowest:?}").unwrap();
}

/// How many cases reached how far, so that a fuzzer that is stopped at the door is noticed.
#[derive(Debug, Default)]
struct Hits {
    /// Broken inputs that were understood all the same, and those that were not.
    broken: [u64; 2],
    /// Searches in bodies that were answered, and those that were rightly refused.
    bodies: [u64; 2],
    /// The same of CQL.
    cql: [u64; 2],
}

async fn one(
    server: &Server,
    corpus: &Corpus,
    mut chance: Chance,
    hits: &mut Hits,
) -> Result<(), String> {
    match chance.below(4) {
        0 => bodies(server, &mut chance, &mut hits.bodies).await,
        1 => cql(server, &mut chance, &mut hits.cql).await,
        _ => broken(server, corpus, &mut chance, &mut hits.broken).await,
    }
}

/// A broken input, at any door that might read it.
async fn broken(
    server: &Server,
    corpus: &Corpus,
    chance: &mut Chance,
    hits: &mut [u64; 2],
) -> Result<(), String> {
    let (kind, bytes) = corpus.broken(chance);
    let sends = match kind {
        "xml" => XML,
        "json" => JSON,
        _ => chance.pick(&[XML, JSON]),
    };
    let accepts = chance.pick(&[XML, JSON]);
    let (method, path, body) = if kind == "cql" || chance.once_in(8) {
        let text = encoded(&bytes);
        let searched = chance.pick(&["user", "group"]);
        let path = match chance.below(6) {
            0 => format!("/{text}?{text}"),
            1 => format!("/event/{text}"),
            2 => format!("/user?username={text}&key={text}&expand={text}"),
            3 => format!("/search?entity-type=user&max-results={text}&start-index={text}"),
            _ => format!("/search?entity-type={searched}&restriction={text}&max-results=-1"),
        };
        ("GET", path, Vec::new())
    } else {
        let doors = [
            "POST /search?entity-type=user&max-results=-1&expand=user",
            "POST /search?entity-type=group",
            "POST /authentication?username=Bob%201",
            "POST /authentication/notify?username=Bob%201",
            "POST /group/user/direct?groupname=Team%20Bob%201",
            "POST /user/group/direct?username=Bob%201",
            "PUT /user?username=Bob%201",
            "PUT /user/password?username=Bob%201",
            "POST /user/rename?username=Bob%201",
            "POST /session",
            "POST /session?validate-password=false&duration=99999999999999999999",
            "POST /session/AAAAAAAAAAAAAAAAAAAAAA00",
            "POST /webhook",
        ];
        let door = if chance.once_in(2) { doors[0] } else { chance.pick(&doors) };
        let (method, path) = door.split_once(' ').unwrap();
        (method, path.to_owned(), bytes.clone())
    };
    let Some(answer) = server.ask(method, &path, [sends, accepts], body).await else {
        return Ok(());
    };
    hits[usize::from(answer.status >= 300)] += 1;
    // The one failure that is meant: products ask their next directory then.
    let meant = answer.body.contains("does not check passwords");
    if answer.status >= 500 && !meant {
        let input = String::from_utf8_lossy(&bytes);
        return Err(format!("{method} {path} with {input:?} gives {answer:?}"));
    }
    Ok(())
}

/// One search in both representations, asked for with a page, against the naive evaluation.
async fn bodies(server: &Server, chance: &mut Chance, hits: &mut [u64; 2]) -> Result<(), String> {
    let groups = chance.once_in(3);
    // A mode that does not exist makes the whole search refused: seldom enough to let others through.
    let modes = if chance.once_in(10) { MODES } else { &MODES[..MODES.len() - 1] };
    let deep = chance.below(4);
    let mut search = Search::any(chance, groups, modes, deep);
    if chance.once_in(20) {
        search = search.wrapped(chance.below(40));
    } else if chance.once_in(50) {
        search = Search::Everything;
    }
    let wanted = if search.depth() > 64 { None } else { expected(server, &search, groups) };
    let page = Page::any(chance);
    let path = page.path(groups);
    let xml = written::xml(chance, &search);
    let json = written::json(chance, &search).to_string();
    for (sends, body) in [(XML, xml), (JSON, json)] {
        let accepts = chance.pick(&[XML, JSON]);
        let bytes = body.clone().into_bytes();
        let answer = server.ask("POST", &path, [sends, accepts], bytes).await.unwrap();
        compare(&answer, accepts, wanted.as_deref().map(|all| page.of(all)))
            .map_err(|error| format!("{path}: {error}: {body}"))?;
    }
    hits[usize::from(wanted.is_none())] += 1;
    Ok(())
}

/// A search as CQL, against the naive evaluation.
async fn cql(server: &Server, chance: &mut Chance, hits: &mut [u64; 2]) -> Result<(), String> {
    let groups = chance.once_in(3);
    let deep = chance.below(4);
    let mut search = Search::any(chance, groups, CQL_MODES, deep);
    if chance.once_in(20) {
        search = search.wrapped(chance.below(300));
    }
    let (text, deep) = written::cql(chance, &search, false);
    let meant = search.in_cql(groups);
    let wanted = if deep > 64 { None } else { expected(server, &meant, groups) };
    let page = Page::any(chance);
    let path = format!("{}&restriction={}", page.path(groups), encoded(text.as_bytes()));
    let accepts = chance.pick(&[XML, JSON]);
    let answer = server.ask("GET", &path, [XML, accepts], Vec::new()).await.unwrap();
    compare(&answer, accepts, wanted.as_deref().map(|all| page.of(all)))
        .map_err(|error| format!("{path}: {error}: {text}"))?;
    hits[usize::from(wanted.is_none())] += 1;
    Ok(())
}

/// The names that a search gives, in order; `None` when it is to be refused.
fn expected(server: &Server, search: &Search, groups: bool) -> Option<Vec<String>> {
    let all = if groups { &server.teams } else { &server.people };
    let mut names = Vec::new();
    for known in all {
        if search.admits(known, groups)? {
            names.push(known.name.clone());
        }
    }
    names.sort_by_key(|name| name.to_lowercase());
    Some(names)
}

/// Which part of a list is asked for.
struct Page {
    start: Option<usize>,
    max: Option<usize>,
}

impl Page {
    fn any(chance: &mut Chance) -> Self {
        let start = chance.once_in(3).then(|| chance.below(30));
        let max = chance.once_in(3).then(|| 1 + chance.below(30));
        Self { start, max }
    }

    fn path(&self, groups: bool) -> String {
        let mut path = format!("/search?entity-type={}", if groups { "group" } else { "user" });
        if let Some(start) = self.start {
            write!(path, "&start-index={start}").unwrap();
        }
        if let Some(max) = self.max {
            write!(path, "&max-results={max}").unwrap();
        }
        path
    }

    fn of<'a>(&self, all: &'a [String]) -> &'a [String] {
        let rest = all.get(self.start.unwrap_or(0)..).unwrap_or_default();
        &rest[..rest.len().min(self.max.unwrap_or(1000))]
    }
}

/// Whether an answer is the list of these names, or a refusal where there is none.
fn compare(answer: &Answer, accepts: &str, wanted: Option<&[String]>) -> Result<(), String> {
    let Some(wanted) = wanted else {
        return if answer.status == 400 {
            Ok(())
        } else {
            Err(format!("{} instead of a refusal", answer.status))
        };
    };
    if answer.status != 200 {
        return Err(format!("{answer:?} instead of {wanted:?}"));
    }
    let got = names(&answer.body, accepts);
    if got == wanted { Ok(()) } else { Err(format!("{got:?} instead of {wanted:?}")) }
}

/// The names in a list.
fn names(body: &str, accepts: &str) -> Vec<String> {
    if accepts == JSON {
        let list: serde_json::Value = serde_json::from_str(body).unwrap();
        let list = list.get("users").or_else(|| list.get("groups")).unwrap();
        let names = list.as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap());
        return names.map(str::to_owned).collect();
    }
    let items = body.split('<').filter(|tag| tag.starts_with("user ") || tag.starts_with("group "));
    let names = items.map(|tag| tag.split('"').nth(1).unwrap());
    let plain = |name: &str| {
        let unquoted = name.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"");
        unquoted.replace("&amp;", "&")
    };
    names.map(plain).collect()
}

/// Percent-encodes everything that might mean something in an address.
fn encoded(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in bytes {
        if byte.is_ascii_alphanumeric() {
            text.push(char::from(*byte));
        } else {
            write!(text, "%{byte:02X}").unwrap();
        }
    }
    text
}
