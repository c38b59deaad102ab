//! A login that goes on while its caller does something else.

use std::time::Duration;

use tokio::task::JoinSet;

use crate::base::fault::{Class, Fault};

/// How long a login that is not needed any more is waited for.
const MOMENT: Duration = Duration::from_millis(200);

/// A login as a task of its own, which is broken off where this is dropped.
pub(crate) struct LoginTask<T>(JoinSet<Result<T, Fault>>);

impl<T: Send + 'static> LoginTask<T> {
    /// Begins it, on the runtime that this is called on.
    pub(crate) fn begin(login: impl Future<Output = Result<T, Fault>> + Send + 'static) -> Self {
        let mut task = JoinSet::new();
        task.spawn(login);
        Self(task)
    }

    /// Waits until it has ended.
    ///
    /// # Errors
    /// Those of the login.
    pub(crate) async fn done(mut self) -> Result<T, Fault> {
        match self.0.join_next().await {
            Some(Ok(result)) => result,
            Some(Err(error)) => Err(Fault::new(Class::Unreachable, format!("the login has ended: {error}"))),
            None => Err(Fault::new(Class::Unreachable, "the login has ended")),
        }
    }

    /// Waits a moment for a login that is not needed any more; what it gave is to be closed.
    pub(crate) async fn unneeded(self) -> Option<T> {
        tokio::time::timeout(MOMENT, self.done()).await.ok()?.ok()
    }
}
