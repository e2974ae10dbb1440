//! The check of a connection, step by step, for the wizard and `muster directory check`.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::ConnectError;

/// What a check came to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeReport {
    /// The steps, in order; those after a failure are skipped.
    pub steps: Vec<ProbeStep>,
}

/// One step of a check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
            connection.step(name, &mut group).await.unwrap_or_else(|error| {
                broken = true;
                ProbeStep::failed(name, &error)
            })
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
