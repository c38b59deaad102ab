//! The statements whose rows [`super::PostgresReader`] folds.
//!
//! A fresh backend pays for each operator, function and cast that a query names, for joins and for sorting, more than for
//! rows: a catalog is sent as it is by `COPY … TO STDOUT`, which has no plan, and joined in doorstep. Two are asked by a query.
//! Columns, of which a database with many schemas has the most, are those of the scope alone, each with the expression of its
//! default. Relations are those of all schemas but the server's own and TOAST's, which are two thirds of a small database's rows,
//! and the longest, for their lists of rights.

use crate::engines::ahead::TypesRead;
use crate::engines::engine::Scope;
use crate::engines::postgres::queries::{WORDED, pins};
use crate::engines::postgres::{SQL, copy_text};

/// What the rows of one statement of the message are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// No rows: a setting.
    Setting,
    /// One row: the session's role, its name, and whether it is a superuser.
    Session,
    /// Schemas.
    Schemas,
    /// Relations of all schemas, indexes among them, but not the server's own.
    Relations,
    /// Types of all schemas.
    Types,
    /// The labels of enums.
    Labels,
    /// Operator classes.
    Classes,
    /// Access methods.
    Methods,
    /// Extensions.
    Extensions,
    /// Triggers.
    Triggers,
    /// What a role may do with relations.
    Rights,
    /// Columns, with the expressions of their defaults.
    Columns,
    /// Indexes of all tables.
    Indexes,
    /// Constraints of all tables.
    Constraints,
    /// In a second message: the texts of indexes' predicates.
    Predicates,
    /// In a second message: constraints that are not enforced.
    Unenforced,
    /// In a second message: tables with a rule ON INSERT.
    Rules,
    /// In a second message: relations that belong to extensions.
    Members,
    /// In a second message: indexes of TOAST tables.
    ToastIndexes,
    /// In a second message: columns of tables that foreign keys lead to, and that are not read otherwise.
    Elsewhere,
}

impl Part {
    /// Its rows are lines of a COPY.
    pub(super) fn is_copied(self) -> bool {
        use Part::{Classes, Constraints, Extensions, Indexes, Labels, Methods, Schemas, Triggers, Types};
        matches!(self, Schemas | Types | Labels | Classes | Methods | Extensions | Triggers | Indexes | Constraints)
    }

    /// Its rows begin with the object's oid, and those below this one are the server's own: most rows of a small database. Types are
    /// numbered from FirstNormalObjectId on; what initdb's own server makes (`postgres --single`) begins at
    /// FirstUnpinnedObjectId (access/transam.h).
    pub(super) fn first_oid(self) -> Option<&'static str> {
        match self {
            Self::Types => Some("16384"),
            Self::Indexes | Self::Constraints => Some("12000"),
            _ => None,
        }
    }
}

/// Statements of a message, each with what its rows are.
pub(super) type Statements = Vec<(Part, String)>;

/// The statements as a message, or a part of one, and what the rows of each of them are.
pub(super) fn message(statements: Statements) -> (String, Vec<Part>) {
    let (mut text, mut parts) = (String::new(), Vec::new());
    for (part, statement) in statements {
        text.push_str(&statement);
        text.push_str("; ");
        parts.push(part);
    }
    (text, parts)
}

/// The same, behind the settings by which the server words its answers.
pub(super) fn pinned_message(statements: Statements) -> (String, Vec<Part>) {
    let (text, parts) = message(statements);
    (WORDED.to_owned() + &text, [vec![Part::Setting; pins()], parts].concat())
}

/// What a role, or the session's own, may do with the table `c` of the schema `n`: the expression, and the join that it
/// needs. Row security is as check_enable_rls in the server's source has it: the owner and roles that bypass it see
/// everything, others what a permissive policy shows them.
pub(crate) fn access_of(role: Option<&str>) -> (String, String) {
    let (who, join, is_exempt, is_subject) = match role {
        // Without a look at the roles, which costs more than the answer.
        None => ("", String::new(), "", "pg_catalog.row_security_active(c.oid)"),
        Some(role) => (
            "r.oid, ",
            format!("LEFT JOIN pg_catalog.pg_roles r ON r.rolname = {}", SQL.literal(role)),
            "WHEN r.oid IS NULL OR r.rolsuper THEN NULL ",
            "NOT r.rolbypassrls AND (c.relforcerowsecurity OR NOT pg_catalog.pg_has_role(r.oid, c.relowner, 'USAGE'))",
        ),
    };
    let expression = format!(
        "CASE {is_exempt}WHEN NOT pg_catalog.has_schema_privilege({who}n.oid, 'USAGE') THEN 's' \
         WHEN NOT pg_catalog.has_any_column_privilege({who}c.oid, 'SELECT') THEN \
         CASE WHEN pg_catalog.has_table_privilege({who}c.oid, 'INSERT, UPDATE, DELETE') THEN 'w' ELSE 'n' END \
         WHEN NOT pg_catalog.has_table_privilege({who}c.oid, 'SELECT') AND EXISTS (SELECT FROM pg_catalog.pg_attribute a \
         WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped \
         AND NOT pg_catalog.has_column_privilege({who}c.oid, a.attnum, 'SELECT')) THEN 'c' \
         WHEN c.relrowsecurity AND {is_subject} \
         AND NOT EXISTS (SELECT FROM pg_catalog.pg_policy p WHERE p.polrelid = c.oid AND p.polpermissive \
         AND p.polcmd IN ('r', '*') AND EXISTS (SELECT FROM pg_catalog.unnest(p.polroles) AS member (oid) \
         WHERE member.oid = 0 OR pg_catalog.pg_has_role({who}member.oid, 'USAGE'))) THEN 'r' END"
    );
    (expression, join)
}

/// A catalog that is copied, and its columns.
type Copied = (Part, &'static str, &'static str);

/// Catalogs that are copied before the relations and the columns, which name their rows by oid.
const NAMED_BY_COLUMNS: &[Copied] = &[
    (Part::Schemas, "pg_namespace", "oid, nspname, nspowner, nspacl"),
    (Part::Labels, "pg_enum", "enumtypid, enumsortorder, enumlabel"),
    (Part::Classes, "pg_opclass", "oid, opcname, opcdefault"),
    (Part::Methods, "pg_am", "oid, amname"),
    (Part::Extensions, "pg_extension", "extname, extnamespace, extversion"),
    (Part::Triggers, "pg_trigger", "tgrelid, tgtype, tgenabled, tgisinternal"),
];

/// Catalogs that are copied after them.
const OF_TABLES: &[Copied] = &[
    (
        Part::Indexes,
        "pg_index",
        "indexrelid, indrelid, indisprimary, indisunique, indisvalid, indisexclusion, indnkeyatts, indkey, indoption, \
         indclass, indpred",
    ),
    (
        Part::Constraints,
        "pg_constraint",
        "oid, contype, conrelid, conname, convalidated, conkey, confrelid, confkey, confdeltype, confupdtype, conparentid",
    ),
];

/// The session's role.
const SESSION: &str = "SELECT pg_catalog.quote_ident(current_user)::pg_catalog.regrole::pg_catalog.oid, current_user, \
                       pg_catalog.current_setting('is_superuser')";

/// The types, which the first message or the second one asks for.
const TYPES: Copied = (
    Part::Types,
    "pg_type",
    "oid, typname, typnamespace, typtype, typcategory, typarray, typbasetype, typtypmod, typnotnull, typdefault",
);

/// The statement that sends a catalog as it is.
fn copy((part, catalog, columns): &Copied) -> (Part, String) {
    (*part, copy_text::statement(&format!("pg_catalog.{catalog}"), columns))
}

/// Whether a schema of the server's own is read.
pub(super) fn reads_servers_own(scope: &Scope<'_>) -> bool {
    scope.schemas.iter().any(|name| name == "information_schema" || name.starts_with("pg_"))
}

/// The relations. `pg_catalog` and `pg_toast` have the same oids in every database (pg_namespace.dat), `information_schema` has not,
/// and may have been dropped.
fn relations(scope: &Scope<'_>) -> String {
    let condition = if reads_servers_own(scope) {
        ""
    } else {
        " WHERE relnamespace <> ALL ((SELECT ARRAY[11, 99, coalesce(pg_catalog.to_regnamespace('information_schema'), 0)])\
         ::pg_catalog.oid[])"
    };
    format!(
        "SELECT oid, relname, relnamespace, relkind, relam, relowner, relacl, relrowsecurity AND relforcerowsecurity, \
         relispartition, relhasrules, relnatts FROM pg_catalog.pg_class{condition}"
    )
}

/// The oids of the schemas, as an expression that is computed once: a query of `pg_namespace` costs more. A schema that does not
/// exist has NULL. The inner cast gives an empty list its type; without the outer one, ANY would take the SELECT for its rows.
fn oids_of(schemas: &[String]) -> String {
    let oid = |name: &String| format!("pg_catalog.to_regnamespace({})", SQL.literal(&SQL.identifier(name)));
    let oids: Vec<String> = schemas.iter().map(oid).collect();
    format!("(SELECT ARRAY[{}]::pg_catalog.oid[])::pg_catalog.oid[]", oids.join(", "))
}

/// The statements of the first message. The order matters: the reader gives relations their places when the first column comes, and
/// needs the schemas, relations, triggers and the session for that.
pub(super) fn first(scope: &Scope<'_>, types: TypesRead) -> Statements {
    let schemas = oids_of(scope.schemas);
    let tables = format!(
        "ARRAY(SELECT oid FROM pg_catalog.pg_class WHERE relnamespace = ANY ({schemas}) \
         AND relkind IN ('r', 'p', 'v', 'm', 'f'))"
    );
    // Only the expression of a generated column can name a column; any other is shown without opening its table.
    let columns = format!(
        "SELECT attrelid, attnum, attname, atttypid, atttypmod, attnotnull, attidentity, attgenerated, \
         CASE WHEN atthasdef THEN (SELECT pg_catalog.pg_get_expr(adbin, CASE attgenerated WHEN '' THEN 0 ELSE attrelid END) \
         FROM pg_catalog.pg_attrdef WHERE adrelid = attrelid AND adnum = attnum) END \
         FROM pg_catalog.pg_attribute WHERE attrelid = ANY ({tables}) AND attnum > '0' AND NOT attisdropped"
    );
    let mut statements: Statements = NAMED_BY_COLUMNS.iter().map(copy).collect();
    statements.extend((types == TypesRead::All).then(|| copy(&TYPES)));
    statements.extend([
        (Part::Session, SESSION.to_owned()),
        (Part::Relations, relations(scope)),
        (Part::Columns, columns),
    ]);
    statements.extend(OF_TABLES.iter().map(copy));
    statements.extend(
        scope.role.map(|role| (Part::Rights, rights(Some(role), &format!("c.relnamespace = ANY ({schemas})")))),
    );
    statements
}

/// A list of oids as the server reads it.
fn list(oids: &[u32]) -> String {
    let oids: Vec<String> = oids.iter().map(u32::to_string).collect();
    format!("'{{{}}}'::pg_catalog.oid[]", oids.join(","))
}

/// What a role, or the session's own, may do with the relations that the condition on `c` names.
fn rights(role: Option<&str>, condition: &str) -> String {
    let (access, roles) = access_of(role);
    format!(
        "SELECT c.oid, {access} FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace {roles} \
         WHERE {condition} AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition"
    )
}

/// What the first message left open; empty lists ask nothing.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Open {
    /// Whether there are types that are not the server's own.
    pub(super) types: bool,
    /// Relations of which the session's own rights are to be told.
    pub(super) rights: Vec<u32>,
    /// Indexes whose predicates are to be shown.
    pub(super) predicates: Vec<u32>,
    /// Constraints that are not validated.
    pub(super) unvalidated: Vec<u32>,
    /// Tables with rules.
    pub(super) rules: Vec<u32>,
    /// Whether there are extensions that may have made tables.
    pub(super) members: bool,
    /// INVALID indexes of tables that are not among the relations.
    pub(super) toast_indexes: Vec<u32>,
    /// Tables elsewhere whose columns foreign keys name.
    pub(super) elsewhere: Vec<u32>,
}

/// The statements that answer it.
pub(super) fn second(open: &Open) -> Statements {
    let asked =
        |oids: &[u32], part: Part, text: &dyn Fn(&str) -> String| (!oids.is_empty()).then(|| (part, text(&list(oids))));
    let members = open.members.then(|| {
        (
            Part::Members,
            "SELECT objid FROM pg_catalog.pg_depend WHERE deptype = 'e' \
             AND refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass \
             AND classid = 'pg_catalog.pg_class'::pg_catalog.regclass"
                .to_owned(),
        )
    });
    [
        open.types.then(|| copy(&TYPES)),
        asked(&open.rights, Part::Rights, &|oids| rights(None, &format!("c.oid = ANY ({oids})"))),
        asked(&open.predicates, Part::Predicates, &|oids| {
            format!(
                "SELECT indexrelid, pg_catalog.pg_get_expr(indpred, indrelid) FROM pg_catalog.pg_index \
                 WHERE indexrelid = ANY ({oids})"
            )
        }),
        // Servers before 18 have no conenforced.
        asked(&open.unvalidated, Part::Unenforced, &|oids| {
            format!(
                "SELECT k.oid FROM pg_catalog.pg_constraint k WHERE k.oid = ANY ({oids}) \
                 AND NOT pg_catalog.jsonb_extract_path_text(pg_catalog.to_jsonb(k), 'conenforced')::boolean"
            )
        }),
        asked(&open.rules, Part::Rules, &|oids| {
            format!("SELECT ev_class FROM pg_catalog.pg_rewrite WHERE ev_class = ANY ({oids}) AND ev_type = '3'")
        }),
        members,
        asked(&open.toast_indexes, Part::ToastIndexes, &|oids| {
            format!(
                "SELECT t.oid, n.nspname, i.relname FROM pg_catalog.pg_index x \
                 JOIN pg_catalog.pg_class t ON t.reltoastrelid = x.indrelid JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid \
                 JOIN pg_catalog.pg_namespace n ON n.oid = i.relnamespace WHERE x.indexrelid = ANY ({oids})"
            )
        }),
        asked(&open.elsewhere, Part::Elsewhere, &|oids| {
            format!(
                "SELECT attrelid, attnum, attname FROM pg_catalog.pg_attribute WHERE attrelid = ANY ({oids}) AND attnum > 0"
            )
        }),
    ]
    .into_iter()
    .flatten()
    .collect()
}
