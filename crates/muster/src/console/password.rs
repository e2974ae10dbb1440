//! Passwords of administrators, judged within the budgets of whoever gives them.

use directory::id::Millis;
use store::AdministratorRow;

use crate::{
    app::App,
    attempts::{Attempts, Budget, Budgets, Standing},
    failed_sign_ins::Place,
    hashing,
    peer::Origin,
};

/// What somebody may try who forgot which of their passwords it was.
const BUDGETS: Budgets = Budgets {
    pair: Budget { burst: 10, each_ms: 30_000 },
    address: Budget { burst: 30, each_ms: 10_000 },
    strangers: Budget { burst: 50, each_ms: 6_000 },
};

/// Checks passwords.
#[derive(Debug)]
pub(crate) struct Passwords(Attempts);

/// A password that somebody gives.
#[derive(Debug, Clone, Copy)]
pub(super) struct Given<'a> {
    /// The name that was given with it.
    pub(super) name: &'a str,
    /// The administrator of that name.
    pub(super) account: Option<&'a AdministratorRow>,
    /// The password.
    pub(super) password: &'a str,
    /// From where.
    pub(super) origin: Origin,
}

/// What becomes of a password that was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Judged {
    /// It is right.
    Right,
    /// It is wrong, or there is nobody of that name.
    Wrong,
    /// It was not judged; for so many milliseconds none is.
    Wait(i64),
}

impl Passwords {
    pub(crate) fn new() -> Self {
        Self(Attempts::new(BUDGETS))
    }

    /// Judges a password.
    ///
    /// # Errors
    /// When the store cannot be read, or too many passwords are being checked.
    pub(super) async fn judge(
        &self,
        app: &App,
        given: Given<'_>,
        now: Millis,
    ) -> anyhow::Result<Judged> {
        let Given { name, account, password, origin } = given;
        let standing = standing(app, account, origin).await?;
        if let Err(wait) = self.0.begin(name, origin, standing, now) {
            app.failed_sign_ins.refused(Place::Console, name, origin, now);
            return Ok(Judged::Wait(wait));
        }
        let stored = account.map(|account| account.password_hash.clone());
        if hashing::verify(stored, password.to_owned(), standing).await? {
            self.0.succeeded(name, origin, standing);
            return Ok(Judged::Right);
        }
        app.failed_sign_ins.note(Place::Console, name, origin, now);
        Ok(Judged::Wrong)
    }
}

/// Whether an administrator has a session from there.
async fn standing(
    app: &App,
    account: Option<&AdministratorRow>,
    origin: Origin,
) -> anyhow::Result<Standing> {
    // Asked for strangers too, so that known and unknown names take the same time; nobody has the number 0.
    let id = account.map_or(0, |account| account.id);
    let sessions = app.blocking(move |store| store.console_sessions(id)).await?;
    let from = origin.address().map(|address| address.to_string());
    let known = from.is_some_and(|from| sessions.iter().any(|session| session.origin == from));
    Ok(if known { Standing::Familiar } else { Standing::Stranger })
}
