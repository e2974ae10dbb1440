//! The fault plan of one provider: which requests go wrong, how, and how often.
//!
//! Invariant: chance is seeded, so a plan meets the same requests in the same order with the same luck. A fault is
//! matched against path and query, as sent and percent-decoded. What a fault does on the wire is the provider's code.

use std::sync::Mutex;

use regex::Regex;
use serde::{Deserialize, Serialize};

use crate::chance::{Dice, draw, hash_bytes, unit};

/// Most faults a plan may hold.
const FAULTS_MAX: usize = 1000;

/// The kinds of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FaultKind {
    /// That status with the vendor's error body.
    Status,
    /// The body ends early.
    Truncate,
    /// The connection ends before an answer.
    Reset,
    /// The true answer, later.
    Delay,
    /// A page for people, with 200 unless a status is named.
    Html,
    /// 200 with an empty list in the vendor's shape.
    Empty,
    /// The true list without a share of its rows.
    Omit,
    /// The link to the next page leads to another host.
    ForeignLink,
    /// 302 to another host.
    Redirect,
    /// The true answer, broken as JSON.
    InvalidJson,
    /// Rows appear more than once, also across pages.
    Duplicate,
    /// A delta delivers again what it has delivered.
    Replay,
    /// No answer for two minutes.
    Hang,
    /// 200 with the vendor's error body for the named status.
    #[serde(rename = "error_in_200")]
    ErrorIn200,
    /// A byte order mark before the true answer.
    ByteOrderMark,
}

impl FaultKind {
    /// Whether this kind replaces the answer, so that only one of them can happen to a request.
    fn replaces(self) -> bool {
        matches!(
            self,
            Self::Status
                | Self::Reset
                | Self::Html
                | Self::Redirect
                | Self::Hang
                | Self::ErrorIn200
        )
    }
}

/// A fault as control sets it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FaultSpec {
    /// Regular expression on path and query.
    pub(crate) route: String,
    pub(crate) kind: FaultKind,
    /// For `status`, 503 if left out; for `html`, 200 if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) status: Option<u16>,
    /// For `status`: the vendor's reason, where one status has several (Google's 403, Microsoft's 400).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    /// For `status`: the `Retry-After` header; left out, there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) retry_after_s: Option<u32>,
    /// Waits this long first, whatever the kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) delay_ms: Option<u64>,
    /// Waits up to this long besides, as the seed has it: schedules vary, and are the same with the same seed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) jitter_ms: Option<u64>,
    /// How many requests it meets; left out, all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) times: Option<u32>,
    /// 1 if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) probability: Option<f64>,
    /// For `omit`: 0.1 if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) share: Option<f64>,
    /// For `omit`: each list lacks rows of its own, so that two lists do not agree on what is lacking. Left out, a row is
    /// lacking in all lists alike, as when a replica lacks it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) apart: Option<bool>,
    /// For `omit`, `jitter_ms` and `probability`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) seed: Option<u64>,
}

/// Why a plan was refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FaultError {
    /// The route is not a regular expression.
    #[error("route {0:?} is not a regular expression: {1}")]
    Route(String, #[source] regex::Error),
    /// A number is out of range.
    #[error("{0} must lie within {1}")]
    Range(&'static str, &'static str),
    /// The plan is full.
    #[error("a plan holds at most {FAULTS_MAX} faults")]
    TooMany,
}

/// What goes wrong with one request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Picked {
    kinds: u16,
    /// Wait this long before anything else.
    pub(crate) delay_ms: u64,
    /// Status and `Retry-After` of a status fault.
    pub(crate) status: (u16, Option<u32>),
    /// Status of an html fault.
    pub(crate) page_status: u16,
    /// The vendor's reason of a status fault.
    pub(crate) reason: Option<String>,
    /// Share and seed of an omit fault.
    omit: Option<(f64, u64)>,
}

impl Picked {
    /// Whether a kind was picked.
    pub(crate) fn has(&self, kind: FaultKind) -> bool {
        self.kinds & (1 << kind as u16) != 0
    }

    /// Whether a row with this number is to be left out of its listing.
    pub(crate) fn omits(&self, row: u64) -> bool {
        self.omit.is_some_and(|(share, seed)| unit(draw(seed, 0x0317, row)) < share)
    }
}

#[derive(Debug)]
struct Armed {
    spec: FaultSpec,
    route: Regex,
    dice: Dice,
    hits: u64,
}

/// The plan.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    armed: Mutex<Vec<Armed>>,
}

impl Faults {
    /// Adds faults to the plan, all or none; how many it holds now.
    pub(crate) fn add(&self, specs: Vec<FaultSpec>, seed: u64) -> Result<usize, FaultError> {
        let mut fresh = Vec::with_capacity(specs.len());
        for spec in specs {
            check(&spec)?;
            let route = Regex::new(&spec.route)
                .map_err(|error| FaultError::Route(spec.route.clone(), error))?;
            let dice = Dice::new(spec.seed.unwrap_or(seed), 0xfa17);
            fresh.push(Armed { spec, route, dice, hits: 0 });
        }
        let mut armed = crate::lock(&self.armed);
        if armed.len() + fresh.len() > FAULTS_MAX {
            return Err(FaultError::TooMany);
        }
        armed.extend(fresh);
        Ok(armed.len())
    }

    /// Forgets the plan.
    pub(crate) fn clear(&self) {
        crate::lock(&self.armed).clear();
    }

    /// The plan: each fault with what is left of `times` and how often it happened.
    pub(crate) fn list(&self) -> Vec<(FaultSpec, u64)> {
        let armed = crate::lock(&self.armed);
        armed.iter().map(|fault| (fault.spec.clone(), fault.hits)).collect()
    }

    /// What goes wrong with a request for this path and query. Counts down.
    pub(crate) fn pick(&self, target: &str) -> Picked {
        let mut picked = Picked::default();
        let mut armed = crate::lock(&self.armed);
        if armed.is_empty() {
            return picked;
        }
        let decoded = percent_decoded(target);
        let mut replaced = false;
        for fault in armed.iter_mut() {
            let spec = &mut fault.spec;
            if spec.times == Some(0)
                || (replaced && spec.kind.replaces())
                || !(fault.route.is_match(target) || fault.route.is_match(&decoded))
            {
                continue;
            }
            if unit(fault.dice.roll()) >= spec.probability.unwrap_or(1.0) {
                continue;
            }
            if let Some(times) = &mut spec.times {
                *times -= 1;
            }
            fault.hits += 1;
            replaced |= spec.kind.replaces();
            picked.kinds |= 1 << spec.kind as u16;
            picked.delay_ms += spec.delay_ms.unwrap_or(0);
            if let Some(jitter) = spec.jitter_ms.filter(|jitter| *jitter > 0) {
                picked.delay_ms += fault.dice.roll() % jitter;
            }
            match spec.kind {
                FaultKind::Status | FaultKind::ErrorIn200 => {
                    picked.status = (spec.status.unwrap_or(503), spec.retry_after_s);
                    picked.reason.clone_from(&spec.reason);
                }
                FaultKind::Html => picked.page_status = spec.status.unwrap_or(200),
                FaultKind::Omit => {
                    let path = target.split('?').next().unwrap_or_default();
                    let apart = spec.apart.unwrap_or(false);
                    let list = if apart { hash_bytes(path.as_bytes()) } else { 0 };
                    let seed = spec.seed.unwrap_or(1) ^ list;
                    picked.omit = Some((spec.share.unwrap_or(0.1), seed));
                }
                _ => {}
            }
        }
        picked
    }
}

fn check(spec: &FaultSpec) -> Result<(), FaultError> {
    let unit_range = |value: Option<f64>| value.is_none_or(|value| (0.0..=1.0).contains(&value));
    if !unit_range(spec.probability) {
        return Err(FaultError::Range("probability", "0 to 1"));
    }
    if !unit_range(spec.share) {
        return Err(FaultError::Range("share", "0 to 1"));
    }
    if spec.status.is_some_and(|status| !(200..600).contains(&status)) {
        return Err(FaultError::Range("status", "200 to 599"));
    }
    if spec.delay_ms.is_some_and(|delay| delay > 600_000) {
        return Err(FaultError::Range("delay_ms", "0 to 600000"));
    }
    if spec.jitter_ms.is_some_and(|jitter| jitter > 600_000) {
        return Err(FaultError::Range("jitter_ms", "0 to 600000"));
    }
    Ok(())
}

fn percent_decoded(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        let digits = after.get(..2).and_then(|pair| std::str::from_utf8(pair).ok());
        match digits.and_then(|pair| u8::from_str_radix(pair, 16).ok()) {
            Some(decoded) if *byte == b'%' => {
                out.push(decoded);
                rest = &after[2..];
            }
            _ => {
                out.push(*byte);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(json: &str) -> Faults {
        let faults = Faults::default();
        faults.add(serde_json::from_str(json).unwrap(), 1).unwrap();
        faults
    }

    #[test]
    fn counts_down_and_matches_decoded_targets() {
        let faults =
            plan(r#"[{"route":"users\\?\\$top=1","kind":"status","status":429,"times":2}]"#);
        assert!(!faults.pick("/v1.0/groups").has(FaultKind::Status));
        assert_eq!(faults.pick("/v1.0/users?%24top=1").status.0, 429);
        assert!(faults.pick("/v1.0/users?$top=1").has(FaultKind::Status));
        assert!(!faults.pick("/v1.0/users?$top=1").has(FaultKind::Status));
    }

    #[test]
    fn lists_lack_the_same_rows_or_rows_of_their_own() {
        for (apart, same) in [("false", true), ("true", false)] {
            let faults =
                plan(&format!(r#"[{{"route":".","kind":"omit","share":0.5,"apart":{apart}}}]"#));
            let (one, other) =
                (faults.pick("/groups/1/members?a"), faults.pick("/groups/2/members"));
            assert_eq!((0..100).all(|row| one.omits(row) == other.omits(row)), same);
            let next_page = faults.pick("/groups/1/members?b");
            assert!((0..100).all(|row| one.omits(row) == next_page.omits(row)));
        }
    }

    #[test]
    fn delays_are_drawn_from_the_seed() {
        let drawn = |seed: u32| {
            let faults =
                plan(&format!(r#"[{{"route":".","kind":"delay","jitter_ms":50,"seed":{seed}}}]"#));
            (0..20).map(|_| faults.pick("x").delay_ms).collect::<Vec<_>>()
        };
        assert_eq!(drawn(7), drawn(7));
        assert_ne!(drawn(7), drawn(8));
        assert!(drawn(7).iter().all(|delay| *delay < 50));
    }

    #[test]
    fn one_replacing_fault_a_request_and_seeded_luck() {
        let faults = plan(
            r#"[{"route":"x","kind":"reset","times":1},{"route":"x","kind":"html","times":1},
                {"route":"x","kind":"omit","probability":0.5}]"#,
        );
        assert!(faults.pick("x").has(FaultKind::Reset));
        assert!(faults.pick("x").has(FaultKind::Html));
        let lucky = (0..1000).filter(|_| faults.pick("x").has(FaultKind::Omit)).count();
        assert!((400..600).contains(&lucky), "{lucky}");
    }
}
