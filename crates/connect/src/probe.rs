//! The check of a connection, step by step, for the wizard and `muster directory check`.

use directory::counted::counted;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::ConnectError;

/// What a check came to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ProbeReport {
    /// The steps, in order; those after a failure are skipped.
    pub steps: Vec<ProbeStep>,
}

/// One step of a check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ProbeStep {
    /// What was tried.
    pub name: String,
    /// How it went.
    pub outcome: StepOutcome,
    /// What was found, or what is wrong and what to do.
    pub detail: String,
    /// The entry of the error catalogue, if one fits.
    #[serde(default)]
    pub code: Option<String>,
}

/// How a step went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum StepOutcome {
    /// It works.
    Works,
    /// It works, and something should be looked at.
    Warning,
    /// It does not work.
    Failed,
    /// It was not tried, since an earlier step failed.
    Skipped,
}

/// The last step of a check: how much there is to read.
pub(crate) const EXTENT: &str = "count what will be read";

/// A number of objects, as far as it was counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counted {
    pub(crate) count: u64,
    /// There are more: counting to the end would take too long.
    pub(crate) more: bool,
}

/// What a complete read will take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Extent {
    pub(crate) people: Counted,
    pub(crate) groups: Counted,
    /// Requests.
    pub(crate) requests: u64,
    /// Seconds under the vendor's limits.
    pub(crate) seconds: u64,
}

impl Extent {
    pub(crate) fn step(&self) -> ProbeStep {
        let more = self.people.more || self.groups.more;
        let detail = format!(
            "{} and {}; reading everything takes {} {}, {} {} within the provider's limits",
            self.people.told("person"),
            self.groups.told("group"),
            if more { "more than" } else { "about" },
            counted(self.requests, "request"),
            if more { "more than" } else { "about" },
            minutes(self.seconds),
        );
        ProbeStep::works(EXTENT, detail)
    }
}

impl Counted {
    fn told(&self, noun: &str) -> String {
        let more = if self.more { "more than " } else { "" };
        format!("{more}{}", counted(self.count, noun))
    }
}

/// A length of time for people.
fn minutes(seconds: u64) -> String {
    match seconds {
        0..2 => "a second".to_owned(),
        2..100 => counted(seconds, "second"),
        _ => counted(seconds.div_ceil(60), "minute"),
    }
}

/// A connection that can be checked step by step.
pub(crate) trait Stepwise {
    /// The steps, in order.
    const STEPS: &'static [&'static str];

    /// Tries one step; `group` is for the id of a group that one step finds for a later one.
    async fn step(&self, name: &str, group: &mut Option<String>)
    -> Result<ProbeStep, ConnectError>;
}

/// Goes through the steps of a check until one fails; tells each as it ends.
pub(crate) async fn probe<S: Stepwise>(
    connection: &S,
    mut tell: impl FnMut(&ProbeStep),
) -> ProbeReport {
    let mut report = ProbeReport::default();
    let (mut broken, mut group) = (false, None);
    for name in S::STEPS {
        let step = if broken {
            ProbeStep::skipped(name)
        } else {
            match connection.step(name, &mut group).await {
                Ok(step) => step,
                // What can be read need not be countable.
                Err(error) if *name == EXTENT => ProbeStep::uncounted(&error),
                Err(error) => {
                    broken = true;
                    ProbeStep::failed(name, &error)
                }
            }
        };
        tell(&step);
        report.steps.push(step);
    }
    report
}

impl ProbeReport {
    /// Whether the directory can be read.
    pub fn succeeded(&self) -> bool {
        self.steps
            .iter()
            .all(|step| matches!(step.outcome, StepOutcome::Works | StepOutcome::Warning))
    }
}

impl ProbeStep {
    pub(crate) fn works(name: &str, detail: impl Into<String>) -> Self {
        Self {
            name: name.to_owned(),
            outcome: StepOutcome::Works,
            detail: detail.into(),
            code: None,
        }
    }

    pub(crate) fn warning(name: &str, code: &str, detail: impl Into<String>) -> Self {
        let code = Some(code.to_owned());
        Self { name: name.to_owned(), outcome: StepOutcome::Warning, detail: detail.into(), code }
    }

    pub(crate) fn failed(name: &str, error: &ConnectError) -> Self {
        let code = error.code().map(str::to_owned);
        Self {
            name: name.to_owned(),
            outcome: StepOutcome::Failed,
            detail: error.to_string(),
            code,
        }
    }

    fn uncounted(error: &ConnectError) -> Self {
        let detail = format!("how much there is to read could not be counted: {error}");
        Self { outcome: StepOutcome::Warning, detail, ..Self::failed(EXTENT, error) }
    }

    pub(crate) fn skipped(name: &str) -> Self {
        let detail = "not tried".to_owned();
        Self { name: name.to_owned(), outcome: StepOutcome::Skipped, detail, code: None }
    }
}

impl fmt::Display for ProbeReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for step in &self.steps {
            let mark = match step.outcome {
                StepOutcome::Works => "ok     ",
                StepOutcome::Warning => "warning",
                StepOutcome::Failed => "FAILED ",
                StepOutcome::Skipped => "skipped",
            };
            writeln!(f, "{mark} {}: {}", step.name, step.detail)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_extent_is_said_in_words() {
        let counted = |count, more| Counted { count, more };
        let extent = Extent {
            people: counted(100_000, false),
            groups: counted(10_000, false),
            requests: 10_250,
            seconds: 280,
        };
        let expected = "100,000 people and 10,000 groups; reading everything takes about 10,250 requests, about 5 \
                        minutes within the provider's limits";
        assert_eq!(extent.step().detail, expected);
        let extent = Extent { people: counted(5_000, true), seconds: 1, ..extent };
        assert!(extent.step().detail.starts_with("more than 5,000 people"));
        assert!(extent.step().detail.contains("more than a second"));
    }
}
