//! Small charts as inline SVG: how many people over time, and how much changed each day.
//!
//! Invariant: geometry only; presentation attributes and classes, since pages allow no inline style.

use std::fmt::Write as _;

use directory::{
    id::{DAY_MS, Millis},
    report::{Applied, RunReport},
};

use super::words;

const WIDTH: f64 = 600.0;
const HEIGHT: f64 = 96.0;
/// Days that a chart shows at the most.
pub(crate) const DAYS: i64 = 30;

/// People over time, and changes by day below.
#[derive(Debug, Clone)]
pub(crate) struct Chart {
    /// Points of the line.
    pub(crate) line: String,
    /// The area below it.
    pub(crate) area: String,
    pub(crate) bars: Vec<Bar>,
    pub(crate) from: String,
    /// What somebody hears who does not see it.
    pub(crate) words: String,
    pub(crate) low: String,
    pub(crate) high: String,
}

/// Changes of one day.
#[derive(Debug, Clone)]
pub(crate) struct Bar {
    pub(crate) x: String,
    pub(crate) y: String,
    pub(crate) width: String,
    pub(crate) height: String,
    /// Whether more went than came.
    pub(crate) loss: bool,
    pub(crate) title: String,
}

impl Chart {
    /// Draws what runs left behind; `None` when there is nothing to show yet.
    pub(crate) fn of(runs: &[RunReport], users_now: usize, now: Millis) -> Option<Self> {
        let first = runs.first()?.finished;
        let from = first.max(now.plus(-DAYS * DAY_MS));
        let span = now.since(from).max(1) as f64;
        let x = |at: Millis| (at.since(from).max(0) as f64 / span * WIDTH).min(WIDTH);
        let mut points: Vec<(f64, usize)> = Vec::new();
        for run in runs {
            if points.is_empty() {
                points.push((0.0, run.size_before.users));
            }
            let last = points.last().map_or(0, |point| point.1);
            points.push((x(run.finished), last));
            points.push((x(run.finished), run.size_after.users));
        }
        points.push((WIDTH, users_now));
        // What was there before the first load says nothing.
        if points.first().is_some_and(|point| point.1 == 0) {
            points.retain(|point| point.1 > 0);
        }
        let low = points.iter().map(|point| point.1).min()?;
        let high = points.iter().map(|point| point.1).max()?;
        let room = ((high - low) as f64).max(high as f64 * 0.02).max(1.0);
        // A number that never changed stands in the middle.
        let lift = if high == low { 0.5 } else { 0.0 };
        let y = |users: usize| {
            let share = (users - low) as f64 / room + lift;
            HEIGHT - 8.0 - share.min(1.0) * (HEIGHT - 20.0)
        };
        let mut line = String::new();
        for (x, users) in &points {
            let _ = write!(line, "{x:.1},{:.1} ", y(*users));
        }
        let start = points.first().map_or(0.0, |point| point.0);
        let area = format!("{start:.1},{HEIGHT} {line}{WIDTH},{HEIGHT}");
        let day = words::day(from);
        let words = format!(
            "People since {day}: now {}, at least {}, at most {}",
            words::count(users_now),
            words::count(low),
            words::count(high)
        );
        Some(Self {
            line: line.trim_end().to_owned(),
            area,
            bars: bars(runs, from, now),
            from: day,
            words,
            low: words::count(low),
            high: words::count(high),
        })
    }

    #[cfg(test)]
    pub(crate) fn sample() -> Self {
        let run = RunReport {
            finished: Millis(DAY_MS),
            applied: Applied { users_added: 5, ..Applied::default() },
            size_after: directory::snapshot::Size { users: 5, ..Default::default() },
            ..RunReport::default()
        };
        Self::of(&[run], 5, Millis(3 * DAY_MS)).expect("there is a run")
    }
}

/// How many objects and memberships a run touched.
pub(crate) fn touched(applied: &Applied) -> u64 {
    applied.users_added
        + applied.users_changed
        + applied.users_removed
        + applied.groups_added
        + applied.groups_changed
        + applied.groups_removed
        + applied.memberships_added
        + applied.memberships_removed
}

fn bars(runs: &[RunReport], from: Millis, now: Millis) -> Vec<Bar> {
    const BARS_HEIGHT: f64 = 36.0;
    let slots = (now.since(from).max(1) / DAY_MS + 1).clamp(1, DAYS + 1);
    let width = WIDTH / slots as f64;
    // A directory of yesterday has bars, not blocks.
    let drawn = (width * 0.7).min(WIDTH / DAYS as f64);
    let mut days = vec![(0_u64, 0_u64, 0_u64); usize::try_from(slots).unwrap_or(1)];
    // The first load would make all the rest invisible.
    for run in runs.iter().filter(|run| run.size_before.users > 0 && run.finished >= from) {
        let slot = usize::try_from(run.finished.since(from) / DAY_MS).unwrap_or_default();
        if let Some(day) = days.get_mut(slot) {
            day.0 += touched(&run.applied);
            day.1 += run.applied.users_added + run.applied.users_reactivated;
            day.2 += run.applied.users_removed + run.applied.users_deactivated;
        }
    }
    let most = days.iter().map(|day| day.0).max().unwrap_or_default().max(1) as f64;
    let filled = days.iter().enumerate().filter(|(_, day)| day.0 > 0);
    filled
        .map(|(at, (changes, came, went))| {
            let height = (*changes as f64 / most).sqrt() * BARS_HEIGHT;
            let day = words::day(from.plus(i64::try_from(at).unwrap_or(0) * DAY_MS));
            Bar {
                x: format!("{:.1}", at as f64 * width + (width - drawn) / 2.0),
                y: format!("{:.1}", BARS_HEIGHT - height),
                width: format!("{drawn:.1}"),
                height: format!("{height:.1}"),
                loss: went > came,
                title: format!("{day}: {}", words::counted(*changes, "change")),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use directory::snapshot::Size;

    use super::*;

    #[test]
    fn a_chart_follows_the_runs() {
        assert!(Chart::of(&[], 0, Millis(0)).is_none());
        let run = |day: i64, before, after, added, removed| RunReport {
            finished: Millis(day * DAY_MS),
            size_before: Size { users: before, ..Size::default() },
            size_after: Size { users: after, ..Size::default() },
            applied: Applied { users_added: added, users_removed: removed, ..Applied::default() },
            ..RunReport::default()
        };
        let runs = [run(1, 0, 1_000, 1_000, 0), run(3, 1_000, 990, 0, 10)];
        let chart = Chart::of(&runs, 990, Millis(5 * DAY_MS)).unwrap();
        assert_eq!((chart.low.as_str(), chart.high.as_str()), ("990", "1,000"));
        assert_eq!(chart.bars.len(), 1, "the first load is no change");
        assert!(chart.bars[0].loss && chart.bars[0].title.ends_with("10 changes"));
        assert!(chart.line.ends_with("600.0,88.0"), "{}", chart.line);
    }
}
