//! Why a question to a provider was given up: it must not outlive what it was asked for.
//!
//! Invariant: what was given up changed nothing; nothing of its answers is used.

/// Why a question to a provider was given up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, thiserror::Error)]
pub enum Stopped {
    /// An administrator paused the directory.
    #[error("it was stopped, since the directory was paused; nothing was changed")]
    Paused,
    /// The provider is reached in another way now.
    #[error(
        "it was stopped, since the connection to the provider was changed; nothing was changed in the directory"
    )]
    Reconnected,
    /// The directory is being removed.
    #[error("it was stopped, since the directory is being removed")]
    Removed,
    /// The set-up that it was asked for was given up.
    #[error("it was stopped, since the set-up was given up or begun anew")]
    Abandoned,
    /// The server stops.
    #[default]
    #[error("it was stopped, since the server stops; nothing was changed")]
    Shutdown,
}
