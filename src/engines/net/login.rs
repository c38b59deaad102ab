//! A login that goes on while its caller does something else.

use std::time::Duration;

use tokio::task::JoinHandle;

use crate::base::fault::{Class, Fault};

/// How long a login that is not needed any more is waited for.
const MOMENT: Duration = Duration::from_millis(200);

/// A login as a task of its own, which is broken off where this is dropped.
pub(crate) struct LoginTask<T>(JoinHandle<Result<T, Fault>>);

impl<T: Send + 'static> LoginTask<T> {
    /// Begins it, on the runtime that this is called on.
    pub(crate) fn begin(login: impl Future<Output = Result<T, Fault>> + Send + 'static) -> Self {
        Self(tokio::spawn(login))
    }

    /// Waits until it has ended.
    ///
    /// # Errors
    /// Those of the login.
    pub(crate) async fn done(mut self) -> Result<T, Fault> {
        let ended = (&mut self.0).await;
        ended.unwrap_or_else(|error| Err(Fault::new(Class::Unreachable, format!("the login has ended: {error}"))))
    }

    /// Waits a moment for a login that is not needed any more; what it gave is to be closed.
    pub(crate) async fn unneeded(self) -> Option<T> {
        tokio::time::timeout(MOMENT, self.done()).await.ok()?.ok()
    }
}

impl<T> Drop for LoginTask<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
