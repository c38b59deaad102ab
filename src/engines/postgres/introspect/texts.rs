//! The queries whose rows [`super::PostgresReader`] folds.

use crate::engines::engine::Scope;
use crate::engines::postgres::SQL;
use crate::engines::postgres::queries::PINNED;

/// The first oid that is not the server's own (FirstNormalObjectId in its source).
const OWN: u32 = 16384;

/// How many relations elsewhere are read, as a hint where to look for what is missing.
const HINTS: usize = 1000;

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

/// The schemas of the scope, as an array of oids, once [`of_scope`] has run.
const SCHEMAS: &str = "pg_catalog.current_setting('doorstep.schemas')::pg_catalog.oid[]";

/// Their tables.
const TABLES: &str = "pg_catalog.current_setting('doorstep.tables')::pg_catalog.oid[]";

/// The queries. The order matters: what is named by its oid comes before what names it.
///
/// A fresh session pays for every table that a query touches and for every join that is planned, more than for the
/// rows: schemas and tables are looked up once and handed on as arrays of oids, in settings that last as long as the
/// message, and rows of tables that were not asked for are skipped here.
pub(crate) fn sql(scope: &Scope<'_>) -> String {
    let queries = [of_scope(scope.schemas), of_types(), of_relations(scope.role), of_columns(), of_constraints()];
    PINNED.to_owned() + &queries.concat().join("; ")
}

/// The settings that the other queries use, the schemas and the extensions.
fn of_scope(schemas: &[String]) -> Vec<String> {
    let names: Vec<String> = schemas.iter().map(|name| SQL.literal(name)).collect();
    vec![
        format!(
            "SELECT '-', pg_catalog.set_config('doorstep.schemas', coalesce(pg_catalog.array_agg(oid)::text, '{{}}'), true) \
             FROM pg_catalog.pg_namespace WHERE nspname = ANY (ARRAY[{}]::name[])",
            names.join(", ")
        ),
        format!(
            "SELECT '-', pg_catalog.set_config('doorstep.tables', coalesce(pg_catalog.array_agg(oid)::text, '{{}}'), true) \
             FROM pg_catalog.pg_class WHERE relnamespace = ANY ({SCHEMAS}) AND relkind IN ('r', 'p', 'v', 'm', 'f') \
             AND NOT relispartition"
        ),
        format!("SELECT 's', nspname FROM pg_catalog.pg_namespace WHERE oid = ANY ({SCHEMAS}) ORDER BY 2"),
        "SELECT 'x', x.extname, n.nspname, x.extversion FROM pg_catalog.pg_extension x \
         JOIN pg_catalog.pg_namespace n ON n.oid = x.extnamespace ORDER BY 2"
            .to_owned(),
    ]
}

/// Operator classes and types, which columns and indexes name by their oid.
fn of_types() -> Vec<String> {
    vec![
        // Operator classes of indexes, and whether they had to be named.
        format!(
            "SELECT 'o', oid, opcname, opcdefault FROM pg_catalog.pg_opclass WHERE oid = ANY (ARRAY(\
             SELECT DISTINCT pg_catalog.unnest(indclass::pg_catalog.oid[]) FROM pg_catalog.pg_index \
             WHERE indrelid = ANY ({TABLES})))"
        ),
        // Types that are not the server's own, and the arrays of them.
        format!(
            "SELECT 'y', t.oid, n.nspname, t.typname, t.typtype, t.typarray, t.typbasetype, t.typtypmod, t.typnotnull, \
             CASE WHEN t.typtype = 'e' AND t.typnamespace = ANY ({SCHEMAS}) THEN \
             (SELECT pg_catalog.json_agg(e.enumlabel ORDER BY e.enumsortorder) FROM pg_catalog.pg_enum e \
             WHERE e.enumtypid = t.oid) END, CASE t.typtype WHEN 'd' THEN t.typdefault END FROM pg_catalog.pg_type t \
             JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace \
             WHERE t.oid >= {OWN} AND (t.typtype = 'd' OR t.typtype IN ('b', 'e', 'm', 'r') AND t.typcategory <> 'A') ORDER BY 3, 4"
        ),
    ]
}

/// Tables, and the names of other relations.
fn of_relations(role: Option<&str>) -> Vec<String> {
    let (access, roles) = access_of(role);
    vec![
        "SELECT 'e', d.objid FROM pg_catalog.pg_depend d WHERE d.deptype = 'e' \
         AND d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass \
         AND d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass"
            .to_owned(),
        // What may fill a column that has no default: a trigger FOR EACH ROW (1) BEFORE (2) INSERT (4), a rule ON INSERT (3).
        format!(
            "SELECT 't', c.oid, n.nspname, c.relname, c.relkind, {access}, \
             c.relhastriggers AND EXISTS (SELECT FROM pg_catalog.pg_trigger g WHERE g.tgrelid = c.oid \
             AND g.tgtype & 7 = 7 AND g.tgenabled <> 'D' AND NOT g.tgisinternal) \
             OR c.relhasrules AND EXISTS (SELECT FROM pg_catalog.pg_rewrite w WHERE w.ev_class = c.oid AND w.ev_type = '3') \
             FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
             {roles} WHERE c.relnamespace = ANY ({SCHEMAS}) \
             AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition ORDER BY 3, 4"
        ),
        format!(
            "SELECT 'v', n.nspname, c.relname FROM pg_catalog.pg_class c \
             JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
             WHERE c.relnamespace <> ALL ({SCHEMAS}) AND c.relkind IN ('r', 'p', 'v', 'm', 'f') \
             AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE E'pg\\\\_%' ORDER BY 2, 3 LIMIT {HINTS}"
        ),
    ]
}

/// Columns.
fn of_columns() -> Vec<String> {
    vec![
        // Without a column in it, an expression is shown without opening its table.
        format!(
            "SELECT 'c', a.attrelid, a.attnum, a.attname, a.atttypid, nullif(a.atttypmod, -1), a.attnotnull, \
             nullif(a.attidentity, ''), nullif(a.attgenerated, ''), CASE WHEN a.atthasdef THEN \
             (SELECT pg_catalog.pg_get_expr(d.adbin, CASE a.attgenerated WHEN '' THEN 0 ELSE d.adrelid END) \
             FROM pg_catalog.pg_attrdef d WHERE d.adrelid = a.attrelid AND d.adnum = a.attnum) END \
             FROM pg_catalog.pg_attribute a WHERE a.attrelid = ANY ({TABLES}) AND a.attnum > 0 AND NOT a.attisdropped \
             ORDER BY 2, 3"
        ),
    ]
}

/// Indexes and constraints.
fn of_constraints() -> Vec<String> {
    vec![
        // An exclusion constraint's index excludes more than equals: it is none of ours.
        format!(
            "SELECT 'i', i.indrelid, x.relname, i.indisprimary, i.indisunique, i.indisvalid, m.amname, i.indkey, \
             i.indnkeyatts, i.indoption, i.indclass, pg_catalog.pg_get_expr(i.indpred, i.indrelid) \
             FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid \
             JOIN pg_catalog.pg_am m ON m.oid = x.relam \
             WHERE i.indrelid = ANY ({TABLES}) AND NOT i.indisexclusion ORDER BY x.relname"
        ),
        // INVALID indexes also of what is not read otherwise: partitions, materialised views, TOAST tables, exclusions. That
        // of a partitioned table is INVALID as long as a partition lacks one.
        format!(
            "SELECT 'b', xn.nspname, x.relname, tn.nspname, t.relname FROM pg_catalog.pg_index i \
             JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid JOIN pg_catalog.pg_namespace xn ON xn.oid = x.relnamespace \
             JOIN pg_catalog.pg_class t ON t.oid = coalesce((SELECT o.oid FROM pg_catalog.pg_class o \
             WHERE o.reltoastrelid = i.indrelid), i.indrelid) \
             JOIN pg_catalog.pg_namespace tn ON tn.oid = t.relnamespace \
             WHERE NOT i.indisvalid AND x.relkind = 'i' AND t.relnamespace = ANY ({SCHEMAS}) ORDER BY 2, 3"
        ),
        // Keys to tables that are not read bring the names of the columns there. Servers before 18 have no conenforced.
        format!(
            "SELECT 'k', k.contype, k.conrelid, k.conname, k.convalidated, k.conkey, k.confrelid, n.nspname, r.relname, \
             k.confkey, k.confdeltype, k.confupdtype, CASE WHEN n.oid <> ALL ({SCHEMAS}) THEN \
             (SELECT pg_catalog.json_agg(a.attname ORDER BY w.place) \
             FROM pg_catalog.unnest(k.confkey) WITH ORDINALITY w (number, place) \
             JOIN pg_catalog.pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = w.number) END, \
             CASE WHEN NOT k.convalidated THEN \
             pg_catalog.jsonb_extract_path_text(pg_catalog.to_jsonb(k), 'conenforced')::boolean END \
             FROM pg_catalog.pg_constraint k LEFT JOIN pg_catalog.pg_class r ON r.oid = k.confrelid \
             LEFT JOIN pg_catalog.pg_namespace n ON n.oid = r.relnamespace WHERE k.conrelid = ANY ({TABLES}) \
             AND k.contype IN ('f', 'c', 'x') AND k.conparentid = 0 ORDER BY k.conname"
        ),
    ]
}
