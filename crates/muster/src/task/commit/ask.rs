//! Questions to the provider before a plan is made: groups that seem to shrink, people who came back, and
//! what a listing lacks.
//!
//! Invariant: a question that cannot be asked changes nothing; it becomes a note.

use directory::counted::{agreeing, counted};
use std::sync::Arc;

use connect::Connector;
use directory::{
    id::ProviderId,
    mirror::{Asked, GroupRow, LISTS_AGREE_MS, Settled, State},
    observation::{Question, Verdict},
};

use super::{QUESTIONS_MAX, Run};

impl Run {
    /// Asks the provider about what came back and about what its listing lacks. A question that cannot be
    /// asked changes nothing.
    pub(super) async fn ask(&mut self) {
        self.take_person().await;
        let Some(connector) =
            self.observed.as_ref().map(|observed| Arc::clone(&observed.connector))
        else {
            return;
        };
        self.recall(&connector);
        self.ask_again_alone(&connector).await;
        self.ask_groups(&connector).await;
        self.ask_returned(&connector).await;
        self.ask_unconfirmed(&connector).await;
    }

    /// Tells the connector which groups the directory has, so that its questions do not rest on the latest list alone.
    pub(super) fn recall(&self, connector: &Connector) {
        let there = |row: &&GroupRow| !matches!(row.state, State::Absent { .. } | State::Mentioned);
        connector.recall(self.memory.mirror.groups().filter(there).map(|row| &row.record));
    }

    async fn ask_groups(&mut self, connector: &Connector) {
        let groups: Vec<ProviderId> = self
            .merged
            .reread
            .iter()
            .filter_map(|no| self.memory.mirror.group(*no))
            .map(|row| row.record.id.clone())
            .collect();
        if groups.is_empty() {
            return;
        }
        match connector.members(&groups).await {
            Ok(members) => {
                self.memory.mirror.merge_members(&members, self.at, &mut self.merged);
                self.notes.push(format!(
                    "{} {} read a second time",
                    counted(groups.len(), "group"),
                    agreeing(groups.len(), "was", "were")
                ));
            }
            Err(error) => self.notes.push(format!(
                "{} should have been read a second time, which failed: {error}",
                counted(groups.len(), "group")
            )),
        }
    }

    async fn ask_returned(&mut self, connector: &Connector) {
        let returned: Vec<_> = self.merged.returned.iter().take(QUESTIONS_MAX).copied().collect();
        let mirror = &self.memory.mirror;
        let ids: Vec<ProviderId> = returned
            .iter()
            .filter_map(|no| mirror.person(*no))
            .map(|row| row.record.id.clone())
            .collect();
        if ids.is_empty() {
            return;
        }
        match connector.memberships(&ids).await {
            Ok(answers) => {
                for (id, groups) in answers {
                    if let (Some(no), Some(groups)) = (self.memory.mirror.person_no(&id), groups) {
                        let (mirror, at) = (&mut self.memory.mirror, self.at);
                        mirror.set_memberships(no, &groups, at, &mut self.merged);
                    }
                }
            }
            Err(error) => self.notes.push(format!(
                "{} came back; their memberships are as they were when they left, since asking \
                 failed: {error}",
                counted(ids.len(), "person")
            )),
        }
    }

    /// First whether objects are there, then whether they are in groups.
    async fn ask_unconfirmed(&mut self, connector: &Connector) {
        let mut settled = Settled::default();
        let mut left = QUESTIONS_MAX;
        for _ in 0..2 {
            let (asked, questions): (Vec<Asked>, Vec<Question>) =
                self.memory.mirror.questions(left).into_iter().unzip();
            if asked.is_empty() {
                break;
            }
            left -= asked.len();
            let verdicts = match connector.confirm(&questions).await {
                Ok(verdicts) => verdicts,
                Err(error) => {
                    self.notes.push(format!("asking about what the listing lacks failed: {error}"));
                    return;
                }
            };
            let answers: Vec<(Asked, Verdict)> = asked.into_iter().zip(verdicts).collect();
            let round = self.memory.mirror.settle(&answers, self.at, &mut self.merged);
            settled.gone += round.gone;
            settled.exist += round.exist;
            settled.unknown += round.unknown;
            settled.unlisted += round.unlisted;
        }
        self.note_settled(settled);
    }

    fn note_settled(&mut self, settled: Settled) {
        if settled.gone > 0 {
            self.notes.push(format!(
                "{} {} confirmed by the provider one by one",
                counted(settled.gone, "loss"),
                agreeing(settled.gone, "was", "were")
            ));
        }
        if settled.unlisted > 0 {
            self.notes.push(format!(
                "{} {} shown by lists only, which the provider has no way to confirm one by one; that counts when its \
                 lists still show it after {}",
                counted(settled.unlisted, "loss"),
                agreeing(settled.unlisted, "is", "are"),
                counted(LISTS_AGREE_MS / 60_000, "minute")
            ));
        }
        if settled.exist == 0 {
            return;
        }
        self.memory.full_read_wanted = true;
        self.notes.push(format!(
            "the provider's list lacked {} (people, groups or memberships) that it still has when asked for each: the \
             list was wrong, and nothing was changed for them",
            counted(settled.exist, "thing")
        ));
        if settled.gone + settled.unknown + settled.unlisted == 0 {
            let rest = self.memory.mirror.disbelieve(&mut self.merged);
            if rest > 0 {
                self.notes.push(format!(
                    "the list was not believed about {} either",
                    counted(rest, "other")
                ));
            }
        }
    }
}
