//! Use cases: each is one function that takes whoever asks for it; the admin API, the console and the command line call the
//! same ones (DESIGN.md 11).
//!
//! Invariants: a change runs to its end whatever becomes of whoever asked for it, and is written in one transaction with its
//! one entry of the audit log; a look writes nothing. Nothing here knows of HTTP servers, pages or command lines.

pub mod actor;
pub mod administrator;
pub mod alert;
pub mod application;
pub mod channel;
pub mod connection;
pub mod error;
pub mod name;
pub mod token;

use anyhow::Context;
use directory::error_chain::joined;
use store::{Change, Changed};
use tokio::sync::oneshot;

pub use self::{
    actor::Actor,
    error::{Kind, ServiceError},
};
use crate::app::App;

/// The columns of a row that cannot be read, as they are told.
pub(crate) fn texts(columns: &[&str]) -> Vec<String> {
    columns.iter().map(|column| (*column).to_owned()).collect()
}

impl App {
    /// Runs a use case to its end, whatever becomes of whoever waits for it: a change has several steps, and a caller that hangs
    /// up between two of them leaves nothing half done.
    ///
    /// # Errors
    /// What the use case says.
    pub async fn to_the_end<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, ServiceError>> + Send + 'static,
    ) -> Result<T, ServiceError> {
        self.run_out(work).await?
    }

    /// The same for what cannot fail, such as a request that is answered.
    ///
    /// # Errors
    /// When the work panicked.
    pub async fn run_out<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, ServiceError> {
        let (tell, told) = oneshot::channel();
        // Boxed: it is moved to a task.
        let work = Box::pin(work);
        let task = async move {
            // Whoever asked may be gone.
            let _ = tell.send(work.await);
        };
        self.driver.start("change", task).await;
        Ok(told.await.context("a change panicked")?)
    }

    /// Makes a change in the store, with its entry of the audit log in the same transaction, and has what is kept in memory
    /// follow it. It is not given up once it has begun, so a use case that does nothing else needs no task of its own.
    ///
    /// # Errors
    /// What `work` says, or the store.
    pub async fn change<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Change<'_>) -> Result<Changed<T>, ServiceError> + Send + 'static,
    ) -> Result<T, ServiceError> {
        let app = self.clone();
        let changing = move || {
            let done = app.store.change(|change| {
                let changed = work(change)?;
                if let Changed::Kept(_, entry) = &changed {
                    let store::NewAudit { who, origin, action, object, .. } = entry;
                    tracing::info!(who, origin, action, object, "somebody changes something");
                }
                Ok::<_, ServiceError>(changed)
            })?;
            // What was removed is refused from here on. Should this fail, the follower tries again.
            if let Err(error) = application::follow(&app) {
                let error = joined(&error);
                tracing::error!(error, "what is kept in memory could not follow a change");
                let detail = "it is kept and not in effect yet; the server tries again by itself";
                return Err(ServiceError::unavailable(detail));
            }
            Ok(done)
        };
        tokio::task::spawn_blocking(changing).await.context("a change of the store panicked")?
    }
}
