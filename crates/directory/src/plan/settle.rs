//! Names that would be given twice are not given: whoever would get one that its holder keeps after all goes back.
//!
//! Invariant: after this, the drafts give every name once. Drafts come and stay in the order of their nodes.

use super::{Draft, names};
use crate::{decisions::Node, derive::Derive, group::Group, user::User};

/// Whoever would get a name that its holder does not leave after all goes back to what is served, and is
/// given back, to be looked at again.
pub(super) fn user_names(derive: &Derive<'_>, drafts: &mut [Draft<User>]) -> Vec<Node> {
    settle_names(derive, drafts, |user| user.folded_name())
}

/// The same for groups.
pub(super) fn group_names(derive: &Derive<'_>, drafts: &mut [Draft<Group>]) -> Vec<Node> {
    settle_names(derive, drafts, |group| group.folded_name())
}

fn settle_names<T>(
    derive: &Derive<'_>,
    drafts: &mut [Draft<T>],
    folded: impl Fn(&T) -> &str,
) -> Vec<Node> {
    let mut sent_back = Vec::new();
    // Taking one back may block the next in a chain, so go on until nothing moves.
    loop {
        let blocked: Vec<usize> = drafts
            .iter()
            .enumerate()
            .filter(|(_, draft)| {
                let Some(name) = draft.after.as_deref().map(&folded) else {
                    return false;
                };
                if draft.before.as_deref().map(&folded) == Some(name) {
                    return false;
                }
                let Some(holder) = names::served_holder(derive, draft.node, name) else {
                    return false;
                };
                let stays = match drafts.binary_search_by_key(&holder, |draft| draft.node) {
                    Ok(i) => drafts[i].after.as_deref().map(&folded) == Some(name),
                    Err(_) => true,
                };
                holder != draft.node && stays
            })
            .map(|(i, _)| i)
            .collect();
        if blocked.is_empty() {
            return sent_back;
        }
        for i in blocked {
            let Draft { before, after, node, .. } = &mut drafts[i];
            after.clone_from(before);
            sent_back.push(*node);
        }
    }
}
