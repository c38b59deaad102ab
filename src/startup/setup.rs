//! Everything a start needs to know before its first connection: settings, the project's files, the URL, the hooks.
//!
//! Mistakes in any of them are reported here, before the wait begins. Nothing in this file talks to a database.

use crate::base::application_name::ApplicationName;
use crate::base::environment::Environment;
use crate::base::error::Error;
use crate::base::plain_name::flaw;
use crate::base::progress::Tracker;
use crate::config::{Mode, SchemasFrom, Settings, Strictness, Words};
use crate::engines::ahead::{Ahead, HistoryQuery, TypesRead};
use crate::engines::connect::Target;
use crate::engines::session::{LockKey, Probe, ProbeRequest};
use crate::formats::detect::{self, Project};
use crate::formats::{Folder, LockPlace, OWN_LOCK, prisma};
use crate::migrate::strangers::Territory;
use crate::schema_source::prisma::PrismaSchema;
use crate::sql::{Dialect, TableName};
use crate::startup::database::{Database, Overruled};
use crate::startup::early_login::EarlyLogin;
use crate::startup::hooks::HookCommands;
use crate::startup::tenants;
use crate::verify::desired::DesiredState;

/// A start with everything decided that can be decided without the database.
pub(crate) struct Setup {
    pub(crate) settings: Settings,
    pub(crate) database: Database,
    pub(crate) application_name: ApplicationName,
    /// The environment names the sessions of every client that reads libpq's variables.
    pub(crate) has_application_name: bool,
    /// A login to that database that has begun.
    pub(crate) early_login: EarlyLogin,
    pub(crate) tracker: Tracker,
    /// The database is a scratch one: it has no grants, no rows and no history worth repairing.
    pub(crate) is_scratch: bool,
    /// The migrations of the folder that are looked at; `None` for all of them.
    pub(crate) chosen: Option<Vec<String>>,
    pub(crate) dialect: Dialect,
    pub(crate) folder: Option<Folder>,
    pub(crate) hook_commands: HookCommands,
    pub(super) prisma_schema: Option<&'static PrismaSchema>,
    /// The Prisma schema lists the schemas that its models are in.
    has_listed_schemas: bool,
    /// Schemas to create when absent.
    schemas: Vec<String>,
    /// The schema that the URL names.
    pub(crate) url_schema: Option<String>,
    /// That schema, or the dialect's usual one; the database where the schemas of the dialect are databases.
    pub(super) url_home: String,
    pub(crate) territory: Territory,
    /// The schema of `schemas_from` that this start works on.
    pub(crate) tenant: Option<String>,
}

impl Setup {
    /// Finds the project's files and parses the URL.
    ///
    /// # Errors
    /// [`Error::Settings`].
    pub(crate) fn new(settings: Settings, environment: &Environment) -> Result<Self, Error> {
        Self::beside(&EarlyLogin::default(), settings, environment)
    }

    /// The same, while a login goes on that has begun with these settings.
    ///
    /// # Errors
    /// [`Error::Settings`].
    pub(crate) fn beside(early: &EarlyLogin, settings: Settings, environment: &Environment) -> Result<Self, Error> {
        let wider = settings.environment.clone();
        let environment = wider.as_ref().unwrap_or(environment);
        let project = Project::find(&settings, environment)?;
        let database = Database::choose(&settings, project.datasource.as_ref(), environment)?;
        let database = database.with_password_command(&settings, environment.get("PATH"))?;
        let early_login = if database.is_of_project() { EarlyLogin::default() } else { early.clone() };
        let target = early_login.target().map_or_else(|| database.target(), Ok)?;
        warn_of_ignored(&target, environment);
        for Overruled { used, key, other, reader } in
            Database::overruled(&settings, project.datasource.as_ref(), environment)
        {
            tracing::warn!(
                phase = "settings",
                event = "two_databases",
                "two databases are named: doorstep uses {used}, but {key} of the Prisma schema is {other}, which has another \
                 value; {reader} that reads the schema uses that one"
            );
        }
        let dialect = target.dialect();
        settings.require.suits(dialect)?;
        settings.queries.iter().try_for_each(|query| query.suits(dialect))?;
        let url_schema = target.schema().map(str::to_owned);
        let of_prisma = project.datasource.as_ref().map(|datasource| datasource.schemas.clone()).unwrap_or_default();
        // Where a schema is a database, the home is the one of the URL.
        let home = match dialect.home() {
            "" => target.database().unwrap_or_default().to_owned(),
            home => home.to_owned(),
        };
        let url_home = url_schema.clone().unwrap_or(home);
        let schemas = union(of_prisma.clone(), Some(url_home.clone()));
        let setup = Self {
            has_listed_schemas: !of_prisma.is_empty(),
            schemas: schemas_to_create(&settings, &target, of_prisma)?,
            hook_commands: HookCommands::new(&settings, project.command, environment, || database.mask()),
            database,
            early_login,
            application_name: ApplicationName::of_process(environment),
            has_application_name: environment.get("PGAPPNAME").is_some(),
            tracker: Tracker::default(),
            is_scratch: false,
            chosen: None,
            dialect,
            folder: project.folder,
            prisma_schema: project.schema,
            url_schema,
            url_home,
            territory: Territory { schemas, external: project.external, is_apart: false },
            tenant: None,
            settings,
        };
        let Some(from) = &setup.settings.tenancy.from else { return Ok(setup) };
        tenants::refuse::unsuitable(&setup, &target)?;
        Ok(match from {
            SchemasFrom::Names(names) if from.is_one() => setup.for_tenant(&names[0]),
            SchemasFrom::Names(_) | SchemasFrom::Query(_) => setup,
        })
    }

    /// The same start on one of the schemas of `schemas_from`. It has no hooks: they are refused there.
    pub(crate) fn for_tenant(&self, name: &str) -> Self {
        let schemas = match self.settings.mode {
            Mode::Off => self.schemas.clone(),
            Mode::Apply | Mode::Await => union(self.schemas.clone(), Some(name.to_owned())),
        };
        let external = self.territory.external.clone();
        Self {
            settings: self.settings.clone(),
            database: self.database.at_schema(name, &self.settings.tenancy.path),
            application_name: self.application_name.clone(),
            early_login: EarlyLogin::default(),
            has_application_name: self.has_application_name,
            tracker: Tracker::default(),
            is_scratch: self.is_scratch,
            dialect: self.dialect,
            folder: self.folder,
            hook_commands: HookCommands::default(),
            prisma_schema: self.prisma_schema,
            has_listed_schemas: self.has_listed_schemas,
            schemas,
            url_schema: Some(name.to_owned()),
            url_home: name.to_owned(),
            territory: Territory { schemas: vec![name.to_owned()], external, is_apart: true },
            chosen: self.chosen.clone(),
            tenant: Some(name.to_owned()),
        }
    }

    /// Where the schemas come from that the folder is applied to one by one; `None` where it is applied once.
    pub(crate) fn tenants(&self) -> Option<&SchemasFrom> {
        self.settings.tenancy.from.as_ref().filter(|_| self.tenant.is_none() && !self.is_scratch)
    }

    /// Whether the settings, the project or the environment name a database.
    ///
    /// # Errors
    /// [`Error::Settings`].
    pub(crate) fn names_database(settings: &Settings, environment: &Environment) -> Result<bool, Error> {
        let environment = settings.environment.as_ref().unwrap_or(environment);
        let project = Project::find(settings, environment)?;
        Ok(Database::named(settings, project.datasource.as_ref(), environment).is_some())
    }

    /// The same start on a scratch database beside the real one. Hooks are left out: they are for the real one.
    pub(crate) fn on_scratch_database(mut self) -> Self {
        self.settings.mode = Mode::Apply;
        let database = self.database.scratch();
        if self.dialect.home().is_empty() {
            // A schema is a database, and what belongs to the real one is made in the scratch database.
            let name = |database: &Database| Some(database.target().ok()?.database()?.to_owned());
            if let (Some(real), Some(scratch)) = (name(&self.database), name(&database)) {
                let homes = self.territory.schemas.iter_mut().filter(|schema| **schema == real);
                homes.for_each(|schema| schema.clone_from(&scratch));
            }
        }
        Self { database, is_scratch: true, hook_commands: HookCommands::default(), ..self }
    }

    /// Refuses a command that works on one schema where the settings name many.
    ///
    /// # Errors
    /// [`Error::Settings`].
    pub(crate) fn demand_one_schema(&self) -> Result<(), Error> {
        match self.tenants() {
            None => Ok(()),
            Some(_) => Err(Error::Settings(
                "schemas_from names many schemas, and this command works on one\n\
                 next: name it: --schemas-from NAME"
                    .to_owned(),
            )),
        }
    }

    /// The service's role, where it is not the session's. A scratch database has none of its grants.
    pub(crate) fn role(&self) -> Option<String> {
        if self.is_scratch { None } else { self.database.service_role() }
    }

    /// The schemas that a Prisma schema most likely expects something in; `None` where that is known only when all files are
    /// read, and where it expects nothing.
    fn likely_schemas(&self) -> Option<Vec<String>> {
        let Settings { require, require_tables, queries, snapshot, .. } = &self.settings;
        let is_elsewhere = self.has_listed_schemas
            || require.schemas().next().is_some()
            || require_tables.iter().any(|table| table.schema.as_ref().is_some_and(|schema| *schema != self.url_home));
        let is_prisma = self.prisma_schema.is_some_and(PrismaSchema::declares_any);
        (is_prisma && !is_elsewhere && queries.is_empty() && snapshot.is_none()).then(|| vec![self.url_home.clone()])
    }

    /// Whether something may be expected of types that no column has. With `verify = notice`, so that there are no others.
    fn may_expect_types(&self) -> bool {
        let Settings { require, strictness, .. } = &self.settings;
        let has_enums = self.prisma_schema.is_some_and(PrismaSchema::may_declare_enums);
        let has_snapshot = !DesiredState::is_without_files(&self.settings, None);
        has_enums || has_snapshot || !require.is_silent() || *strictness == Strictness::Notice
    }

    /// The schema that an unqualified name belongs to. A schema that the URL names counts even before it exists,
    /// because the service's tables will be created in it.
    pub(crate) fn home<'a>(&'a self, probe: &'a Probe) -> &'a str {
        if let Some(tenant) = &self.tenant {
            return tenant;
        }
        let home = probe.current_schema.as_deref().or(self.url_schema.as_deref());
        home.unwrap_or(self.dialect.home())
    }

    /// What the first query of a session asks for.
    pub(crate) fn probe_request(&self) -> ProbeRequest {
        let history = self.folder.map(|folder| folder.format.ledger.table_on(self.dialect).to_owned());
        let (schemas, history_schema) = (self.schemas.clone(), self.tenant.clone());
        ProbeRequest { schemas, history, history_schema, ..ProbeRequest::default() }
    }

    /// The same, and what a start that finds nothing to do will ask next: with `types`, also the catalog, which has at least these.
    pub(crate) fn opening_request(&self, types: Option<TypesRead>) -> ProbeRequest {
        if self.tenants().is_some() {
            return self.probe_request();
        }
        let select = |folder: Folder| {
            let ledger = folder.format.ledger;
            let schema = ledger.place(self.dialect).or(self.tenant.as_deref()).map(str::to_owned);
            let table = TableName { schema, name: ledger.table_on(self.dialect).to_owned() };
            let sql = ledger.select(self.dialect, &table);
            HistoryQuery { sql, stored: ledger.stored_columns(self.dialect).map(|columns| (table, columns)) }
        };
        let reads_history = self.settings.mode != Mode::Off;
        let history = self.folder.filter(|_| reads_history).map(select);
        let mut ahead = Ahead { history, role: self.role(), ..Ahead::default() };
        if let Some(types) = types
            && self.settings.strictness != Strictness::Off
        {
            ahead.tables = DesiredState::of_tables(&self.settings).tables.into_iter().map(|(table, _)| table).collect();
            ahead.schemas = self.likely_schemas();
            ahead.types = if self.may_expect_types() { TypesRead::All } else { types };
        }
        ProbeRequest { ahead, ..self.probe_request() }
    }

    /// The format's own key, so that the original tool is locked out too; Prisma's key without a folder. With only a
    /// migrate command it is a key of doorstep's: a tool that doorstep starts must find its own lock free.
    pub(crate) fn lock_key(&self) -> LockKey {
        match (&self.folder, &self.hook_commands.migrate) {
            (None, Some(_)) => OWN_LOCK,
            (None, None) => prisma::FORMAT.ledger.lock_key(),
            (Some(folder), _) => folder.format.ledger.lock_key(),
        }
    }

    /// All locks of a start: that one, and the one that the tool itself takes where its key depends on the database.
    pub(crate) fn lock_keys(&self, probe: &Probe) -> Vec<LockKey> {
        let is_whole = self.settings.tenancy.from.as_ref().is_some_and(SchemasFrom::is_one);
        match self.tenant.as_deref() {
            Some(tenant) if !is_whole => {
                tenants::keys::of(tenant, self.lock_key(), |schema| self.tool_keys(probe, schema))
            }
            Some(tenant) => {
                let own = [tenants::keys::of_schema(tenant), self.lock_key()];
                own.into_iter().chain(self.tool_keys(probe, Some(tenant))).collect()
            }
            None => {
                let of_tool = self.tool_keys(probe, probe.current_schema.as_deref());
                std::iter::once(self.lock_key()).chain(of_tool).collect()
            }
        }
    }

    /// Those that only a start on this very history takes for itself.
    pub(crate) fn history_keys(&self, probe: &Probe) -> Vec<LockKey> {
        match self.tenant.as_deref() {
            Some(tenant) => {
                let keys = tenants::keys::of(tenant, self.lock_key(), |schema| self.tool_keys(probe, schema));
                keys.into_iter().filter(|key| !key.is_shared).collect()
            }
            None => self.lock_keys(probe),
        }
    }

    fn tool_keys(&self, probe: &Probe, schema: Option<&str>) -> Vec<LockKey> {
        let place = LockPlace { database: &probe.database, schema };
        self.folder.map(|folder| folder.format.ledger.tool_lock_keys(self.dialect, &place)).unwrap_or_default()
    }

    /// Those of them that the sessions of a start on many schemas share.
    pub(crate) fn common_keys(&self, probe: &Probe) -> Vec<LockKey> {
        self.for_tenant("").lock_keys(probe).into_iter().filter(|key| key.is_shared).collect()
    }

    /// The command that applies migrations of which doorstep knows neither files nor history, unless migrations are off.
    pub(crate) fn unknown_tool(&self) -> Option<&Words> {
        let is_on = self.settings.mode != Mode::Off;
        self.hook_commands.migrate.as_ref().filter(|_| self.folder.is_none() && is_on)
    }

    /// Refuses a command that needs a migrations folder, before it waits for the database.
    ///
    /// # Errors
    /// [`Error::Settings`].
    pub(crate) fn demand_folder(&self) -> Result<Folder, Error> {
        self.folder.ok_or_else(|| self.no_folder())
    }

    /// The same for a command that writes the history.
    ///
    /// # Errors
    /// [`Error::Settings`] without a folder, or where another tool keeps the history.
    pub(crate) fn demand_own_history(&self) -> Result<(), Error> {
        self.demand_folder()?.format.own_writer().map(drop)
    }

    /// The error of a command that needs a migrations folder.
    pub(crate) fn no_folder(&self) -> Error {
        Error::Settings(match self.hook_commands.shown() {
            Some(command) => format!(
                "doorstep knows neither the files nor the history of {command}\n\
                 next: ask the tool itself; or, if it is a tool that doorstep reads, name it with --migration-format"
            ),
            None => {
                let (why, next) = detect::missing();
                format!("{why}\nnext: {next}")
            }
        })
    }
}

/// Warns of variables and URL parameters that have no effect.
fn warn_of_ignored(target: &Target, environment: &Environment) {
    if environment.get("PRISMA_SCHEMA_DISABLE_ADVISORY_LOCK").is_some_and(|value| value != "0") {
        tracing::warn!(
            phase = "settings",
            event = "ignored",
            "PRISMA_SCHEMA_DISABLE_ADVISORY_LOCK is ignored: doorstep always takes the lock"
        );
    }
    for warning in target.warnings() {
        tracing::warn!(phase = "settings", event = "ignored", "{warning}");
    }
}

/// The schemas of the setting, else those of the Prisma schema; and the one of the URL. With `migrate = off` only those
/// of the setting: who turns migrations off did not ask for anything else to be created.
fn schemas_to_create(settings: &Settings, target: &Target, of_prisma: Vec<String>) -> Result<Vec<String>, Error> {
    let named = settings.schemas.clone();
    if let Some(flaw) = of_prisma.iter().find_map(|name| flaw(name)) {
        return Err(Error::Settings(format!("a name in `schemas` of the Prisma schema {flaw}\nnext: correct it")));
    }
    match (target.dialect().rules().has_schemas, settings.mode) {
        (false, _) if named.is_some() => Err(Error::Settings(format!(
            "schemas are set, but {} has none\nnext: drop the setting, or point the URL at PostgreSQL",
            target.dialect().product()
        ))),
        (false, _) => Ok(Vec::new()),
        (true, Mode::Off) => Ok(named.unwrap_or_default()),
        (true, Mode::Apply | Mode::Await) => {
            // Of many schemas, the one of the URL is only where the query is asked.
            let of_url = target.schema().filter(|_| settings.tenancy.from.is_none());
            Ok(union(named.unwrap_or(of_prisma), of_url.map(str::to_owned)))
        }
    }
}

/// The names without duplicates, in their order.
fn union(mut names: Vec<String>, more: Option<String>) -> Vec<String> {
    names.extend(more);
    let mut seen = std::collections::BTreeSet::new();
    names.retain(|name| seen.insert(name.clone()));
    names
}
