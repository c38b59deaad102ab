//! A login that goes on while its caller does something else.

use tokio::task::JoinHandle;

use crate::base::fault::{Class, Fault};
use crate::engines::endpoint::MOMENT;

/// A login as a task of its own, which is broken off where this is dropped.
pub(crate) struct LoginTask<T> {
    task: JoinHandle<Result<T, Fault>>,
    /// What it has given.
    result: Option<Result<T, Fault>>,
}

impl<T: Send + 'static> LoginTask<T> {
    /// Begins it, on the runtime that this is called on.
    pub(crate) fn begin(login: impl Future<Output = Result<T, Fault>> + Send + 'static) -> Self {
        Self { task: tokio::spawn(login), result: None }
    }

    /// Waits until it has ended; may be dropped at any time.
    pub(crate) async fn ended(&mut self) {
        if self.result.is_none() {
            let ended = (&mut self.task).await;
            let broken = |error| Err(Fault::new(Class::Unreachable, format!("the login was broken off: {error}")));
            self.result = Some(ended.unwrap_or_else(broken));
        }
    }

    /// What it gives.
    ///
    /// # Errors
    /// Those of the login.
    pub(crate) async fn done(mut self) -> Result<T, Fault> {
        self.ended().await;
        let nothing = || Err(Fault::new(Class::Unreachable, "the login gave nothing"));
        self.result.take().unwrap_or_else(nothing)
    }

    /// Waits a moment for a login that is not needed any more; what it gave is to be closed.
    pub(crate) async fn unneeded(self) -> Option<T> {
        tokio::time::timeout(MOMENT, self.done()).await.ok()?.ok()
    }
}

impl<T> Drop for LoginTask<T> {
    fn drop(&mut self) {
        self.task.abort();
    }
}
