//! The programs that a start runs under its lock: the tool that migrates where doorstep does not, and the hooks before
//! and after the migrations. How one of them runs is `child.rs`.

use crate::base::environment::Environment;
use crate::base::error::Error;
use crate::base::mask::Mask;
use crate::config::Settings;
use crate::config::words::Words;
use crate::formats::tool::Tool;
use crate::startup::child::ChildCommand;
use crate::startup::exec::{EMPTY, Service};
use crate::startup::start::Start;

/// The programs, as the settings and the project's files name them.
#[derive(Default)]
pub(crate) struct HookCommands {
    /// Applies the migrations.
    pub(crate) migrate: Option<Words>,
    before: Option<Words>,
    after: Option<Words>,
    path: Option<String>,
    /// A command may hold a password, and is shown without it.
    mask: Mask,
}

impl HookCommands {
    /// `migrate` is the tool that was found or named; the settings name the hooks. Most starts have none, and build no mask.
    pub(crate) fn new(
        settings: &Settings,
        migrate: Option<Words>,
        environment: &Environment,
        mask: impl FnOnce() -> Mask,
    ) -> Self {
        let (before, after) = (settings.before_migrate.clone(), settings.after_migrate.clone());
        let are_any = [&migrate, &before, &after].into_iter().any(Option::is_some);
        let mask = if are_any { mask() } else { Mask::default() };
        Self { migrate, before, after, path: environment.get("PATH").map(str::to_owned), mask }
    }

    /// The program of a command, found along PATH.
    ///
    /// # Errors
    /// [`Error::CommandNotFound`] or [`Error::CommandNotExecutable`].
    pub(crate) fn program(&self, words: &Words) -> Result<Service, Error> {
        let words: Vec<_> = words.as_slice().iter().map(Into::into).collect();
        let found = Service::find(&words, self.path.as_deref())?;
        found.ok_or_else(|| Error::CommandNotFound(EMPTY.to_owned()))
    }

    /// The tool's command as messages show it.
    pub(crate) fn shown(&self) -> Option<String> {
        self.migrate.as_ref().map(|words| self.masked(&words.to_string()))
    }

    /// The hooks as messages show them, each with its setting: `before_migrate: ./backup.sh`.
    pub(crate) fn shown_hooks(&self) -> Vec<String> {
        let hooks = [("before_migrate", &self.before), ("after_migrate", &self.after)];
        let shown = |(setting, words): (&str, &Option<Words>)| {
            Some(format!("{setting}: {}", self.masked(&words.as_ref()?.to_string())))
        };
        hooks.into_iter().filter_map(shown).collect()
    }

    /// A text that may contain a command, without passwords.
    pub(crate) fn masked(&self, text: &str) -> String {
        self.mask.apply(text)
    }

    /// Looks them up along PATH.
    ///
    /// # Errors
    /// [`Error::CommandNotFound`] or [`Error::CommandNotExecutable`].
    pub(crate) fn find(&self) -> Result<Hooks, Error> {
        let find = |setting, words: &Option<Words>| {
            words.as_ref().map(|words| ChildCommand::find(setting, words, self.path.as_deref(), &self.mask)).transpose()
        };
        Ok(Hooks {
            migrate: find("migrate_command", &self.migrate).map_err(|error| match error {
                Error::CommandNotFound(text) => Error::CommandNotFound(format!(
                    "{text}\n      or give the command as this image has it: --migrate-command 'poetry run alembic upgrade head'\n      \
                     or leave migrations alone: --migrate off"
                )),
                other => other,
            })?,
            before: find("before_migrate", &self.before)?,
            after: find("after_migrate", &self.after)?,
        })
    }
}

/// The same, found and executable.
#[derive(Default)]
pub(crate) struct Hooks {
    /// Applies the migrations.
    pub(crate) migrate: Option<ChildCommand>,
    before: Option<ChildCommand>,
    after: Option<ChildCommand>,
}

impl Hooks {
    /// Whether any program may run under the lock.
    pub(crate) fn are_any(&self) -> bool {
        self.migrate.is_some() || self.before.is_some() || self.after.is_some()
    }
}

impl Hooks {
    /// Whether a program is to run after the migrations.
    pub(crate) fn has_after(&self) -> bool {
        self.after.is_some()
    }
}

/// What follows the report of a tool that failed on an engine whose DDL commits by itself: the tool begins the failed
/// migration anew, and what that has done stands in its way.
fn after_kept_ddl(product: &str, tool: &Tool) -> String {
    let Tool { name, by_hand, .. } = tool;
    format!(
        "each DDL statement commits by itself on {product}: if a migration failed halfway, what it did before its error is kept, \
         and the next start lets {name} run it from its beginning\n\
         next: repair the cause; undo what was kept, or do by hand what is missing and record the migration as applied \
         ({by_hand}); then start again"
    )
}

impl Start<'_> {
    /// Whether doorstep, or the tool, has something to migrate.
    pub(crate) fn has_work(&self, hooks: &Hooks) -> bool {
        // Without a history that doorstep can read, only the tool can tell.
        let Some(history) = &self.history else { return hooks.migrate.is_some() };
        if let Some(why) = history.uncertainty() {
            let tool = history.format.tool.name;
            tracing::info!(phase = "migrate", event = "uncertain", "{tool} has to be asked: {why}");
        }
        history.has_work() || history.uncertainty().is_some() || history.forbidden().is_some()
    }

    /// The names of what is pending, if the files and the history tell all of them. None of them where nothing is due.
    pub(crate) fn pending_names(&self, is_due: bool) -> Option<Vec<String>> {
        let history = self.history.as_ref().filter(|history| history.uncertainty().is_none())?;
        let names = history.pending().map(|(migration, _)| migration.name.clone());
        Some(if is_due { names.collect() } else { Vec::new() })
    }

    pub(crate) async fn run_before_hook(&mut self, hooks: &Hooks) -> Result<(), Error> {
        let next = "nothing was migrated\nnext: repair the cause, and start again";
        self.run_hook(hooks.before.as_ref(), next).await
    }

    pub(crate) async fn run_after_hook(&mut self, hooks: &Hooks) -> Result<(), Error> {
        let next = "the migrations are applied\nnext: repair the cause, and start again: the next start calls it again";
        self.run_hook(hooks.after.as_ref(), next).await?;
        self.settle_after_hook(hooks).await
    }

    /// Runs a hook, if there is one; `next` follows the report of its failure.
    async fn run_hook(&mut self, hook: Option<&ChildCommand>, next: &str) -> Result<(), Error> {
        let Some(hook) = hook else { return Ok(()) };
        hook.run(self).await.map_err(|error| match error {
            Error::Command(text) => Error::Command(format!("{text}\n{next}")),
            Error::CommandTimeout(text) => {
                Error::CommandTimeout(format!("{text}\n{next}, or give it longer with --command-timeout"))
            }
            other => other,
        })
    }

    /// Lets the tool migrate, and checks in the history that it did. Returns how many migrations were applied.
    pub(crate) async fn delegate(&mut self, tool: &ChildCommand) -> Result<usize, Error> {
        let next = match (&self.history, self.setup.dialect.rules().has_transactional_ddl) {
            (Some(history), false) => after_kept_ddl(self.setup.dialect.product(), history.format.tool),
            _ => "doorstep cannot tell what it left behind\nnext: repair the cause, and start again".to_owned(),
        };
        if let Some(history) = &self.history {
            history.warn_of_unlocked_tool(&self.probe);
        }
        self.run_hook(Some(tool), &next).await?;
        let Some(history) = &self.history else { return Ok(0) };
        let before = history.pending().count();
        self.probe_again().await?;
        self.read_history().await?;
        let Some(history) = &self.history else { return Ok(0) };
        let pending: Vec<&str> = history.pending().map(|(migration, _)| migration.name.as_str()).collect();
        if !pending.is_empty() && history.uncertainty().is_none() {
            return Err(Error::History(format!(
                "{} succeeded, but these are not applied in {}: {}\n\
                 next: check that it works on the database that DATABASE_URL names; doorstep sets it, and reads {}",
                tool.shown(),
                self.setup.database.target()?.address(),
                pending.join(", "),
                history.format.ledger.table()
            )));
        }
        Ok(before.saturating_sub(pending.len()))
    }
}
