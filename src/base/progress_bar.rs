//! A progress bar for several migrations on a terminal. Elsewhere the log has one line per migration.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::base::neutral;

/// The bar that must be off the terminal while a log line is written.
static SHOWN: Mutex<Option<ProgressBar>> = Mutex::new(None);

fn show(bar: Option<ProgressBar>) {
    *SHOWN.lock().unwrap_or_else(PoisonError::into_inner) = bar;
}

/// Takes the bar off the terminal while `print` prints.
pub(crate) fn aside<T>(print: impl FnOnce() -> T) -> T {
    let bar = SHOWN.lock().unwrap_or_else(PoisonError::into_inner).clone();
    match bar {
        Some(bar) => bar.suspend(print),
        None => print(),
    }
}

/// The bar of one run of migrations; `None` where it is not shown.
pub(crate) struct Bar(Option<ProgressBar>);

impl Bar {
    /// Shows nothing unless `watched`, and for a single migration.
    pub(crate) fn start(count: usize, watched: bool) -> Self {
        if !watched || count < 2 {
            return Self(None);
        }
        let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {elapsed} {msg}");
        let bar = ProgressBar::with_draw_target(u64::try_from(count).ok(), ProgressDrawTarget::stderr_with_hz(8));
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.enable_steady_tick(Duration::from_millis(125));
        show(Some(bar.clone()));
        Self(Some(bar))
    }

    /// This one is being applied.
    pub(crate) fn begin(&self, name: &str) {
        if let Some(bar) = &self.0 {
            bar.set_message(neutral::line(name));
        }
    }

    /// It is applied.
    pub(crate) fn end(&self) {
        if let Some(bar) = &self.0 {
            bar.inc(1);
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        if let Some(bar) = &self.0 {
            show(None);
            bar.finish_and_clear();
        }
    }
}
