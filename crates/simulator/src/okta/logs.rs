//! `logs`: the System Log.
//!
//! Invariants: a polling request (ascending, no end) follows the order in which events arrived and always has a next
//! link; a bounded one follows the times of the events and ends. An event may arrive later than one that happened
//! after it. What happened before the start is not in the log; nothing older than 180 days is.

use serde_json::Value;

use super::{
    JSON, Okta,
    access::{Access, LOGS},
    error::ApiError,
    events,
    filter::{Dialect, Field, Filter, Kind},
    listing::{Limit, Over, page_rows},
    seal::take_word,
};
use crate::{
    clock::parse_time,
    exchange::{Call, Reply},
    faults::FaultKind,
    provider::Granted,
    tenant::Tenant,
};

pub(super) const ROUTE: &str = "/api/v1/logs";
const LIMIT: Limit = Limit { default: 100, maximum: 1_000, over: Over::Refuse };
/// How far back the log reaches.
const KEPT_MS: i64 = 180 * 86_400_000;
/// Where it begins if nothing is said.
const RECENT_MS: i64 = 7 * 86_400_000;

const FILTER: Dialect = Dialect {
    properties: &[
        ("uuid", Kind::Word),
        ("eventType", Kind::Text),
        ("severity", Kind::Text),
        ("published", Kind::Time),
        ("outcome.result", Kind::Text),
        ("actor.id", Kind::Word),
        ("actor.type", Kind::Text),
        ("actor.alternateId", Kind::Text),
        ("target.id", Kind::Word),
        ("target.type", Kind::Text),
        ("target.alternateId", Kind::Text),
        ("transaction.id", Kind::Word),
        ("client.ipAddress", Kind::Word),
    ],
    open: Some("debugContext."),
    rich: true,
    negates: true,
};

/// What is asked of the log.
struct Question<'a> {
    since_ms: i64,
    until_ms: Option<i64>,
    falls: bool,
    filter: Option<Filter>,
    word: Option<&'a str>,
}

/// Where an event stands: what it is ordered by, the entry of the journal, and its number within that.
type Place = (i64, u64, u64);

impl Question<'_> {
    /// Whether new events are waited for.
    fn polls(&self) -> bool {
        self.until_ms.is_none() && !self.falls
    }

    fn wants(&self, event: &Value) -> bool {
        let read = |property: &str| field(event, property);
        self.filter.as_ref().is_none_or(|filter| filter.matches(&read))
            && self.word.is_none_or(|word| event.to_string().to_lowercase().contains(word))
    }

    /// The places of the entries of the journal that may be asked for, in order.
    fn entries(&self, tenant: &Tenant, now_ms: i64) -> Vec<(i64, u64)> {
        let mut found = Vec::new();
        for (place, entry) in tenant.journal.iter().enumerate() {
            let begun = entry.at_ms > self.since_ms;
            let ended = self.until_ms.is_some_and(|until| entry.at_ms > until);
            let kept = entry.at_ms > now_ms - KEPT_MS;
            if begun && !ended && kept && entry.seen_ms <= now_ms {
                let time = if self.polls() { entry.seen_ms } else { entry.at_ms };
                found.push((time, place as u64));
            }
        }
        found.sort_unstable();
        found
    }
}

impl Okta {
    /// `GET logs`.
    pub(super) fn logs(&self, call: &Call, access: &Access) -> Result<Reply, ApiError> {
        self.admit(access, LOGS)?;
        let now_ms = self.world.clock.now_ms();
        let question = question(call, now_ms)?;
        let wanted = page_rows(call, LIMIT)?;
        let begin = self.cursor(call, wanted.max(LIMIT.default))?;
        let begin = begin.map(|cursor| {
            let mut rest = cursor.after.as_slice();
            let mut word = || take_word(&mut rest).unwrap_or_default();
            (word().cast_signed(), word(), word())
        });
        let tenant = self.world.read();
        let hidden = call.picked.has(FaultKind::Empty) || self.app.is_revoked(Granted::Resources);
        let (rows, last, more) = if hidden {
            (Vec::new(), None, false)
        } else {
            collect(&tenant, &question, begin, (wanted, now_ms), call)
        };
        let next = if question.polls() {
            // Where it began, if there was nothing new.
            Some(last.or(begin).unwrap_or((i64::MIN, 0, 0)))
        } else {
            last.filter(|_| more)
        };
        let next = next.map(|(time, place, number)| {
            let words = [time.cast_unsigned(), place, number];
            let after = words.iter().flat_map(|word| word.to_le_bytes()).collect();
            self.cursor_text(call, after, false)
        });
        let body = Value::Array(rows).to_string().into_bytes();
        Ok(self.linked(Reply::new(ROUTE, JSON, body), call, next))
    }
}

/// The events behind a place, the place of the last one, and whether there are more.
fn collect(
    tenant: &Tenant,
    question: &Question<'_>,
    begin: Option<Place>,
    (wanted, now_ms): (usize, i64),
    call: &Call,
) -> (Vec<Value>, Option<Place>, bool) {
    let mut entries = question.entries(tenant, now_ms);
    if question.falls {
        entries.reverse();
    }
    let mut rows: Vec<Value> = Vec::new();
    let mut last = None;
    for (time, entry) in entries {
        let mut made: Vec<(u64, Value)> =
            (0..).zip(events::events(tenant, entry as usize)).collect();
        if question.falls {
            made.reverse();
        }
        for (number, event) in made {
            let place = (time, entry, number);
            let passed = begin
                .is_some_and(|begin| if question.falls { place >= begin } else { place <= begin });
            if passed || call.picked.omits(entry) || !question.wants(&event) {
                continue;
            }
            if rows.len() == wanted {
                return (rows, last, true);
            }
            if call.picked.has(FaultKind::Duplicate) && rows.is_empty() {
                rows.push(event.clone());
            }
            rows.push(event);
            last = Some(place);
        }
    }
    (rows, last, false)
}

/// The parameters.
fn question(call: &Call, now_ms: i64) -> Result<Question<'_>, ApiError> {
    let given = |name: &str| call.option(name).filter(|text| !text.is_empty());
    let time = |name: &str| -> Result<Option<i64>, ApiError> {
        let wrong = || {
            let cause = format!("{name}: must be a date-time of ISO 8601");
            ApiError::validation(name, cause)
        };
        given(name).map(|text| parse_time(text).ok_or_else(wrong)).transpose()
    };
    let (since, until) = (time("since")?, time("until")?);
    // A cursor leads on however old the link is that it came in.
    let first = given("after").is_none();
    if first && since.is_some_and(|since| since < now_ms - KEPT_MS) {
        return Err(ApiError::filter("since: older than 180 days"));
    }
    if since.zip(until).is_some_and(|(since, until)| since > until) {
        return Err(ApiError::validation("until", "until: must be after since"));
    }
    let falls = match given("sortOrder") {
        None | Some("ASCENDING") => false,
        Some("DESCENDING") => true,
        Some(_) => {
            let cause = "sortOrder: must be ASCENDING or DESCENDING";
            return Err(ApiError::validation("sortOrder", cause));
        }
    };
    let filter = given("filter")
        .map(|text| Filter::parse(text, FILTER).ok_or_else(|| ApiError::filter(text)))
        .transpose()?;
    let since_ms = since.unwrap_or(now_ms - RECENT_MS);
    Ok(Question { since_ms, until_ms: until, falls, filter, word: given("q") })
}

/// A property of an event.
fn field(event: &Value, property: &str) -> Field<'static> {
    let text =
        |value: &Value| value.as_str().map_or(Field::Absent, |text| Field::Owned(text.to_owned()));
    if property == "published" {
        let time = event["published"].as_str().and_then(parse_time);
        return time.map_or(Field::Absent, Field::Time);
    }
    if let Some(name) = property.strip_prefix("target.") {
        let targets = event["target"].as_array().into_iter().flatten();
        let values = targets.filter_map(|target| target[name].as_str());
        let lower = name != "id";
        return Field::Many(
            values.map(|one| if lower { one.to_lowercase() } else { one.to_owned() }).collect(),
        );
    }
    text(property.split('.').fold(event, |value, name| &value[name]))
}
