//! Access tokens: who is impersonated, what may be read, until when; and what a request may do with one.
//!
//! Invariant: a token is opaque to clients. The order of refusals is the gateway's: token, API, scopes, quota; then the
//! Admin SDK's: the subject and their role.

use super::{
    Google,
    error::ApiError,
    quota::AT_ONCE_MAX,
    seal::{Purpose, take_word},
};
use crate::{
    exchange::Call,
    provider::Granted,
    tenant::{ADMIN, ENABLED, Member},
};

/// What scopes of read-only delegation are called before their last part.
pub(super) const SCOPE_BASE: &str = "https://www.googleapis.com/auth/";
/// The scopes that tokens can be bound to, by bit.
const SCOPES: [&str; 16] = [
    "admin.directory.user.readonly",
    "admin.directory.user",
    "admin.directory.group.readonly",
    "admin.directory.group",
    "admin.directory.group.member.readonly",
    "admin.directory.group.member",
    "admin.directory.orgunit.readonly",
    "admin.directory.orgunit",
    "admin.reports.audit.readonly",
    "admin.directory.userschema.readonly",
    "admin.directory.customer.readonly",
    "admin.directory.domain.readonly",
    "admin.directory.user.alias.readonly",
    "admin.directory.rolemanagement.readonly",
    "admin.reports.usage.readonly",
    "cloud-platform",
];
/// Reading users.
pub(super) const USERS: u64 = 0b11 | 1 << 15;
/// Reading one user.
pub(super) const USER: u64 = 0b11;
/// Reading groups.
pub(super) const GROUPS: u64 = 0b1100;
/// Reading members.
pub(super) const MEMBERS: u64 = 0b11_1100;
/// Reading organisational units.
pub(super) const ORG_UNITS: u64 = 0b1100_0000;
/// Reading the audit log.
pub(super) const REPORTS: u64 = 1 << 8;
/// What no token of this simulator carries: it has no writing methods.
pub(super) const NOTHING: u64 = 0;

/// The bit of a scope.
pub(super) fn scope_bit(scope: &str) -> Option<u64> {
    let name = scope.strip_prefix(SCOPE_BASE)?;
    SCOPES.iter().position(|known| *known == name).map(|at| 1 << at)
}

/// Whom a token speaks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Subject {
    /// The service account itself: it was not told to impersonate anybody.
    Account,
    /// The organisation's own administrator, who is not among the generated people.
    Administrator,
    /// A user of the directory.
    User(u32),
}

impl Subject {
    fn word(self) -> u32 {
        match self {
            Self::Account => u32::MAX,
            Self::Administrator => u32::MAX - 1,
            Self::User(at) => at,
        }
    }
}

/// What a token says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Access {
    pub(super) subject: Subject,
    /// Bits of [`scope_bit`].
    pub(super) scopes: u64,
    pub(super) number: u64,
    pub(super) expires_ms: i64,
}

/// Who may use a method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Audience {
    /// Administrators.
    Administrators,
    /// Everybody in the organisation (`viewType=domain_public`).
    Everybody,
}

impl Google {
    /// The text of a token.
    pub(super) fn seal_access(&self, access: &Access) -> String {
        let words = [
            u64::from(access.subject.word()),
            access.scopes,
            access.number,
            access.expires_ms.cast_unsigned(),
        ];
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        let sealed = self.seal.seal(Purpose::Access, &bytes);
        format!("ya29.{}", sealed.replace('+', "-").replace('/', "_").trim_end_matches('='))
    }

    /// The token of a request, if it is good at all.
    pub(super) fn access(&self, call: &Call) -> Result<Access, ApiError> {
        let header = call.header("authorization");
        let token = match header {
            Some(header) => header.strip_prefix("Bearer ").ok_or_else(ApiError::bad_token)?,
            None => call.option("access_token").ok_or_else(ApiError::login_required)?,
        };
        let access = self.open_access(token.trim()).ok_or_else(ApiError::bad_token)?;
        let expired = access.expires_ms <= self.world.clock.now_ms();
        if expired || !self.account.token_counts(access.number) {
            return Err(ApiError::bad_token());
        }
        if let Subject::User(user) = access.subject {
            let tenant = self.world.read();
            // Suspending or deleting somebody ends their tokens.
            let good = tenant.member_is_live(Member::User(user)) && tenant.user(user).has(ENABLED);
            if !good {
                return Err(ApiError::bad_token());
            }
        }
        Ok(access)
    }

    fn open_access(&self, token: &str) -> Option<Access> {
        let mut sealed = token.strip_prefix("ya29.")?.replace('-', "+").replace('_', "/");
        sealed.extend(std::iter::repeat_n('=', (4 - sealed.len() % 4) % 4));
        let bytes = self.seal.open(Purpose::Access, &sealed)?;
        let mut rest = bytes.as_slice();
        let subject = match take_word(&mut rest)? as u32 {
            u32::MAX => Subject::Account,
            word if word == u32::MAX - 1 => Subject::Administrator,
            at => Subject::User(at),
        };
        Some(Access {
            subject,
            scopes: take_word(&mut rest)?,
            number: take_word(&mut rest)?,
            expires_ms: take_word(&mut rest)?.cast_signed(),
        })
    }

    /// Whether a request may go on: the gateway's checks of API, scope and quota.
    pub(super) fn admit(&self, access: &Access, scopes: u64) -> Result<(), ApiError> {
        if self.account.is_revoked(Granted::Api) {
            return Err(ApiError::api_disabled(&self.account.project));
        }
        if access.scopes & scopes == 0 {
            return Err(ApiError::scopes());
        }
        let buckets = if scopes == REPORTS { &self.report_quota } else { &self.quota };
        if let Some(buckets) = buckets {
            let subject = access.subject.word();
            let within = crate::lock(buckets).spend(subject, self.world.clock.now_ms());
            if !within || self.world.counters.under_way() > AT_ONCE_MAX {
                return Err(ApiError::quota(self.world.next_number()));
            }
        }
        Ok(())
    }

    /// Whether the subject may read: the Admin SDK's own check.
    pub(super) fn may_read(&self, access: &Access, audience: Audience) -> Result<(), ApiError> {
        if self.account.is_revoked(Granted::Domain) {
            return Err(ApiError::domain_cannot());
        }
        let administers = match access.subject {
            Subject::Account => return Err(ApiError::forbidden()),
            Subject::Administrator => true,
            Subject::User(at) => self.world.read().user(at).has(ADMIN),
        };
        let administers = administers && !self.account.is_revoked(Granted::Role);
        if administers || audience == Audience::Everybody {
            return Ok(());
        }
        Err(ApiError::forbidden())
    }
}
