use crate::catalog::{
    Action, Arity, Column, Default, Extension, ForeignKey, Guarantee, Index, IndexColumn, Key as PrimaryKey, Type,
};
use crate::differ::*;

mod tolerance;

fn name(name: &str) -> Name {
    Name { schema: "public".to_owned(), name: name.to_owned() }
}

fn column(name: &str, kind: &str) -> Column {
    Column {
        name: name.into(),
        field: None,
        kind: Type::Native(kind.to_owned().into(), Vec::new()),
        arity: Arity::Required,
        default: Default::None,
        origin: Some(Origin { file: "schema.prisma".into(), line: 7 }),
    }
}

fn texts<T: for<'a> From<&'a str>>(names: &[&str]) -> Vec<T> {
    names.iter().map(|name| (*name).into()).collect()
}

fn index(name: &str, columns: &[&str], unique: bool) -> Index {
    let columns = columns.iter().map(|name| IndexColumn { name: (*name).into(), ..IndexColumn::default() });
    Index { name: name.into(), columns: columns.collect(), unique, valid: true, ..Index::default() }
}

fn foreign_key() -> ForeignKey {
    ForeignKey {
        name: "T_a_fkey".into(),
        columns: texts(&["a"]),
        target: name("U"),
        target_columns: texts(&["id"]),
        on_delete: Action::Restrict,
        on_update: Action::Cascade,
        guarantee: Guarantee::default(),
        origin: None,
    }
}

/// `T (id, a, b)` with a primary key, an index, a unique index and a foreign key; and an enum.
fn sample() -> Catalog {
    let table = Table {
        name: name("T"),
        columns: vec![column("id", "int4"), column("a", "int4"), column("reportId", "text")],
        primary_key: Some(PrimaryKey { name: "T_pkey".into(), columns: texts(&["id"]), ..PrimaryKey::default() }),
        indexes: vec![index("T_a_idx", &["a"], false), index("T_id_a_key", &["id", "a"], true)],
        foreign_keys: vec![foreign_key()],
        ..Table::default()
    };
    let e = Enum { name: name("E"), values: texts(&["A", "B"]), origin: None };
    Catalog { schemas: texts(&["public"]), tables: vec![table], enums: vec![e], ..Catalog::default() }
}

/// Findings between the sample and what `change` makes of it, as `severity kind object`.
fn after(change: impl FnOnce(&mut Catalog)) -> Vec<String> {
    let mut actual = sample();
    change(&mut actual);
    told(&compare(&sample(), &actual, Dialect::Postgres))
}

/// The other way round: the sample is what there is.
fn expecting(change: impl FnOnce(&mut Catalog)) -> Vec<String> {
    let mut expected = sample();
    change(&mut expected);
    told(&compare(&expected, &sample(), Dialect::Postgres))
}

fn told(findings: &[Difference]) -> Vec<String> {
    let one = |finding: &Difference| {
        let severity = format!("{:?}", finding.severity).to_lowercase();
        format!("{severity} {} {}", finding.kind.name(), finding.object)
    };
    findings.iter().map(one).collect()
}

#[test]
fn nothing_differs_from_itself() {
    assert_eq!(after(|_| {}), [] as [&str; 0]);
}

#[test]
fn tables_missing_extra_renamed_elsewhere_and_views() {
    assert_eq!(after(|it| it.tables.clear()), ["error missing table public.T"]);
    assert_eq!(expecting(|it| it.tables.clear()), ["notice extra table public.T"]);
    assert_eq!(after(|it| it.tables[0].name.name = "t".into()), ["error renamed table public.T"]);
    let elsewhere = |it: &mut Catalog| {
        it.tables.clear();
        it.views.push(Name { schema: "other".into(), name: "T".into() });
    };
    assert_eq!(after(elsewhere), ["error renamed table public.T"]);
    let as_view = |it: &mut Catalog| {
        it.tables.clear();
        it.views.push(name("T"));
    };
    assert_eq!(after(as_view), ["notice uncompared table public.T"]);
    // Where the columns of the view are known, they are what queries need.
    let as_view_with = |change: fn(&mut Table)| {
        after(move |it| {
            let mut view = it.tables.remove(0);
            it.views.push(view.name.clone());
            change(&mut view);
            it.view_columns.push(view);
        })
    };
    assert_eq!(as_view_with(|view| view.columns[1].arity = Arity::Optional), ["notice different table public.T"]);
    let lacking = as_view_with(|view| drop(view.columns.remove(1)));
    assert_eq!(lacking[0], "notice different table public.T");
    assert!(lacking[1].starts_with("error missing column public.T."), "{lacking:?}");
    let hidden = as_view_with(|view| view.access = Access::Nothing);
    assert_eq!(hidden, ["notice different table public.T", "error hidden table public.T"]);
    let of_extension =
        |it: &mut Catalog| it.tables.push(Table { of_extension: true, name: name("x"), ..Table::default() });
    assert_eq!(after(of_extension), [] as [&str; 0]);
    assert_eq!(expecting(|it| it.views.push(name("v"))), ["notice missing view public.v"]);
}

#[test]
fn a_similar_table_stands_for_one_only() {
    let expected = |it: &mut Catalog| {
        let mut other = it.tables[0].clone();
        other.name.name = "t_".into();
        it.tables[0].name.name = "_t".into();
        it.tables.push(other);
    };
    assert_eq!(expecting(expected), ["error renamed table public._t", "error missing table public.t_"]);
}

#[test]
fn columns_missing_extra_and_renamed() {
    assert_eq!(after(|it| drop(it.tables[0].columns.pop())), ["error missing column public.T.reportId"]);
    let renamed = after(|it| it.tables[0].columns[2].name = "report_id".into());
    assert_eq!(renamed, ["error renamed column public.T.reportId"]);
    let more =
        |default, arity| after(|it| it.tables[0].columns.push(Column { default, arity, ..column("more", "text") }));
    assert_eq!(more(Default::None, Arity::Optional), ["notice extra column public.T.more"]);
    assert_eq!(more(Default::Now, Arity::Required), ["notice extra column public.T.more"]);
    // Every INSERT of the service fails.
    assert_eq!(more(Default::None, Arity::Required), ["error extra column public.T.more"]);
}

#[test]
fn what_stands_on_a_missing_column_is_not_told_again() {
    let found = after(|it| {
        it.tables[0].columns.remove(1);
        it.tables[0].indexes.clear();
        it.tables[0].foreign_keys.clear();
    });
    assert_eq!(found, ["error missing column public.T.a"]);
    // Nor on a renamed one.
    let found = after(|it| {
        let table = &mut it.tables[0];
        table.columns[1].name = "A".into();
        table.indexes[0].columns[0].name = "A".into();
        table.indexes[1].columns[1].name = "A".into();
        table.foreign_keys[0].columns[0] = "A".into();
    });
    assert_eq!(found, ["error renamed column public.T.a"]);
}

#[test]
fn types_by_what_a_query_feels() {
    let types = |expected: (&str, &[u32]), actual: (&str, &[u32])| {
        let of = |(name, arguments): (&str, &[u32])| Type::Native(name.to_owned().into(), arguments.to_vec());
        let mut catalogs = (sample(), sample());
        catalogs.0.tables[0].columns[2].kind = of(expected);
        catalogs.1.tables[0].columns[2].kind = of(actual);
        let findings = compare(&catalogs.0, &catalogs.1, Dialect::Postgres);
        findings.first().map(|finding| finding.severity)
    };
    let (same, warning, error) = (None, Some(Severity::Warning), Some(Severity::Error));
    assert_eq!(types(("text", &[]), ("varchar", &[20])), warning);
    assert_eq!(types(("varchar", &[30]), ("varchar", &[20])), warning);
    assert_eq!(types(("text", &[]), ("uuid", &[])), error);
    assert_eq!(types(("int4", &[]), ("text", &[])), error);
    assert_eq!(types(("int4", &[]), ("int8", &[])), warning);
    assert_eq!(types(("timestamp", &[3]), ("timestamp", &[6])), warning);
    assert_eq!(types(("timestamp", &[]), ("timestamp", &[3])), same);
    assert_eq!(types(("timestamp", &[3]), ("timestamp", &[])), same);
    assert_eq!(types(("timestamp", &[3]), ("timestamptz", &[3])), warning);
    assert_eq!(types(("numeric", &[10]), ("numeric", &[10, 0])), same);
    assert_eq!(types(("numeric", &[]), ("numeric", &[10, 2])), warning);
    // Prisma's own output, at which it takes offence.
    assert_eq!(types(("bpchar", &[]), ("bpchar", &[1])), same);
    assert_eq!(types(("bit", &[]), ("bit", &[1])), same);
    assert_eq!(types(("bpchar", &[]), ("char", &[])), same);
    let other = |expected: &str, actual: &str| {
        let mut catalogs = (sample(), sample());
        catalogs.0.tables[0].columns[2].kind = Type::Other(expected.to_owned());
        catalogs.1.tables[0].columns[2].kind = Type::Other(actual.to_owned());
        compare(&catalogs.0, &catalogs.1, Dialect::Postgres).first().map(|finding| finding.severity)
    };
    assert_eq!(other("\"public\".vector(512)", "vector"), same);
    assert_eq!(other("point", "interval"), Some(Severity::Notice));
}

#[test]
fn sqlite_knows_a_type_by_what_its_name_sounds_like_and_prisma_by_some_names() {
    let found = |expected: &str, actual: &str| {
        let set = |kind: &str| {
            let mut catalog = sample();
            catalog.tables[0].columns[2].kind = Type::Native(kind.to_owned().into(), Vec::new());
            catalog
        };
        told(&compare(&set(expected), &set(actual), Dialect::Sqlite))
    };
    for (expected, actual) in [("text", "nvarchar"), ("real", "double"), ("decimal", "numeric"), ("blob", "binary")] {
        assert_eq!(found(expected, actual), [] as [&str; 0], "{expected} {actual}");
    }
    for (expected, actual) in [("text", "clob"), ("integer", "bigint"), ("integer", "tinyint"), ("boolean", "bool")] {
        assert_eq!(found(expected, actual), ["notice different column public.T.reportId"], "{expected} {actual}");
    }
    assert_eq!(found("text", "integer"), ["error different column public.T.reportId"]);
}

#[test]
fn what_sqlite_takes_for_the_same_and_prisma_does_not_is_a_notice() {
    let mut actual = sample();
    actual.tables[0].name.name = "t".into();
    actual.tables[0].columns[2].name = "REPORTID".into();
    let found = told(&compare(&sample(), &actual, Dialect::Sqlite));
    assert_eq!(found, ["notice renamed table public.T", "notice renamed column public.T.reportId"]);
    // A BIGINT that is the key is no row number, whatever Prisma expects of it.
    let mut expected = sample();
    expected.tables[0].columns[0].default = Default::Sequence;
    let found = told(&compare(&expected, &sample(), Dialect::Sqlite));
    assert_eq!(found, ["notice different column public.T.id"]);
}

#[test]
fn nulls_and_lists() {
    let found = after(|it| it.tables[0].columns[2].arity = Arity::Optional);
    assert_eq!(found, ["warning different column public.T.reportId"]);
    let found = expecting(|it| it.tables[0].columns[2].arity = Arity::Optional);
    assert_eq!(found, ["error different column public.T.reportId"]);
    let found = after(|it| it.tables[0].columns[2].arity = Arity::List);
    assert_eq!(found, ["error different column public.T.reportId"]);
}

#[test]
fn primary_keys() {
    assert_eq!(after(|it| it.tables[0].primary_key = None), ["error missing primary_key public.T"]);
    assert_eq!(expecting(|it| it.tables[0].primary_key = None), ["notice extra primary_key public.T"]);
    let other = |columns: &[&str]| {
        after(|it| {
            it.tables[0].primary_key =
                Some(PrimaryKey { name: "T_pkey".into(), columns: texts(columns), ..PrimaryKey::default() })
        })
    };
    assert_eq!(other(&["a"]), ["error different primary_key public.T"]);
    let named = after(|it| it.tables[0].primary_key.as_mut().unwrap().name = "pk".into());
    assert_eq!(named, ["notice renamed primary_key public.T"]);
    let unique = after(|it| {
        it.tables[0].primary_key = None;
        it.tables[0].indexes.push(index("T_id_key", &["id"], true));
    });
    assert_eq!(unique, ["warning different primary_key public.T"]);
}

#[test]
fn join_tables_of_older_prisma_are_fine() {
    let join = |it: &mut Catalog| {
        let table = &mut it.tables[0];
        table.columns = vec![column("A", "int4"), column("B", "int4")];
        table.indexes = vec![index("_T_B_index", &["B"], false)];
        table.foreign_keys.clear();
        table.primary_key =
            Some(PrimaryKey { name: "T_AB_pkey".into(), columns: texts(&["A", "B"]), ..PrimaryKey::default() });
        table.is_join = true;
    };
    let (mut expected, mut actual) = (sample(), sample());
    join(&mut expected);
    join(&mut actual);
    actual.tables[0].primary_key = None;
    actual.tables[0].indexes.push(index("T_AB_unique", &["A", "B"], true));
    let found = told(&compare(&expected, &actual, Dialect::Postgres));
    assert_eq!(found, ["notice different primary_key public.T"]);
}

#[test]
fn indexes_missing_different_extra_and_renamed() {
    let remove = |place: usize| after(move |it| drop(it.tables[0].indexes.remove(place)));
    assert_eq!(remove(0), ["warning missing index public.T_a_idx"]);
    assert_eq!(remove(1), ["error missing unique public.T_id_a_key"]);
    let set = |place: usize, index: Index| after(move |it| it.tables[0].indexes[place] = index);
    assert_eq!(set(0, index("foo", &["a"], false)), ["notice renamed index public.T_a_idx"]);
    assert_eq!(set(0, index("T_a_idx", &["id"], false)), ["warning different index public.T_a_idx"]);
    assert_eq!(set(0, index("T_a_idx", &["a"], true)), ["notice different index public.T_a_idx"]);
    assert_eq!(set(1, index("T_id_a_key", &["id", "a"], false)), ["error different unique public.T_id_a_key"]);
    // Unique all the same.
    assert_eq!(set(1, index("T_id_a_key", &["a", "id"], true)), ["warning different unique public.T_id_a_key"]);
    let hash = Index { method: "hash".into(), ..index("T_a_idx", &["a"], false) };
    assert_eq!(set(0, hash), ["warning different index public.T_a_idx"]);
    let partial = Index { predicate: Some("(id > 0)".into()), ..index("T_a_idx", &["a"], false) };
    assert_eq!(set(0, partial), ["notice different index public.T_a_idx"]);
    let extra = |index: Index| after(|it| it.tables[0].indexes.push(index));
    assert_eq!(extra(index("foo", &["id", "a"], false)), ["notice extra index public.foo"]);
    assert_eq!(extra(index("foo", &["a"], false)), [] as [&str; 0]);
    let expression = Index { has_expression: true, ..index("foo", &["id"], false) };
    assert_eq!(extra(expression), [] as [&str; 0]);
}

#[test]
fn broken_indexes_and_unchecked_keys_are_warnings() {
    assert_eq!(after(|it| it.tables[0].indexes[0].valid = false), ["warning invalid index public.T_a_idx"]);
    let found = after(|it| it.tables[0].foreign_keys[0].guarantee.valid = false);
    assert_eq!(found, ["warning invalid foreign_key public.T.a"]);
}

#[test]
fn predicates_in_two_renderings() {
    let set = |it: &mut Catalog, predicate: &str| it.tables[0].indexes[0].predicate = Some(predicate.into());
    let (mut expected, mut actual) = (sample(), sample());
    set(&mut expected, "(\"t\" = 'x' AND \"b\" = 3)");
    set(&mut actual, "((t = 'x'::text) AND (b = 3))");
    assert_eq!(compare(&expected, &actual, Dialect::Postgres), []);
    set(&mut actual, "((t = 'y'::text) AND (b = 3))");
    let found = told(&compare(&expected, &actual, Dialect::Postgres));
    assert_eq!(found, ["warning different index public.T_a_idx"]);
}

#[test]
fn operator_classes() {
    let class = |method: &str, expected: Option<&str>, (actual, usual): (&str, bool)| {
        let set = |class: Option<&str>, usual: bool| {
            let mut catalog = sample();
            let index = &mut catalog.tables[0].indexes[0];
            index.method = method.into();
            index.columns[0].class = class.map(Into::into);
            index.columns[0].usual = usual;
            catalog
        };
        compare(&set(expected, false), &set(Some(actual), usual), Dialect::Postgres).len()
    };
    assert_eq!(class("gin", Some("jsonb_path_ops"), ("jsonb_path_ops", false)), 0);
    assert_eq!(class("gin", Some("jsonb_ops"), ("jsonb_ops", true)), 0);
    assert_eq!(class("gin", Some("tsvector_ops"), ("tsvector_ops", true)), 0);
    assert_eq!(class("gin", None, ("jsonb_ops", true)), 0);
    assert_eq!(class("gin", Some("jsonb_path_ops"), ("jsonb_ops", true)), 1);
    assert_eq!(class("brin", None, ("int4_bloom_ops", false)), 1);
    assert_eq!(class("btree", None, ("text_pattern_ops", false)), 0);
    assert_eq!(class("btree", Some("text_pattern_ops"), ("text_ops", true)), 1);
}

#[test]
fn a_method_that_prisma_does_not_know_is_a_b_tree_to_it() {
    let found = |expected: &str, actual: &str| {
        let set = |method: &str| {
            let mut catalog = sample();
            catalog.tables[0].indexes[0].method = method.into();
            catalog
        };
        told(&compare(&set(expected), &set(actual), Dialect::Postgres))
    };
    assert_eq!(found("btree", "hnsw"), [] as [&str; 0]);
    assert_eq!(found("btree", "gist"), ["warning different index public.T_a_idx"]);
    assert_eq!(found("hash", "hnsw"), ["warning different index public.T_a_idx"]);
}

#[test]
fn foreign_keys() {
    // One from the same column that leads elsewhere is told once.
    let found = after(|it| it.tables[0].foreign_keys[0].target_columns = texts(&["other"]));
    assert_eq!(found, ["warning different foreign_key public.T.a"]);
    let found = after(|it| it.tables[0].foreign_keys.clear());
    assert_eq!(found, ["warning missing foreign_key public.T.a"]);
    let found = after(|it| it.tables[0].foreign_keys[0].on_delete = Action::NoAction);
    assert_eq!(found, ["warning different foreign_key public.T.a"]);
    let found = after(|it| it.tables[0].foreign_keys[0].name = "foo".into());
    assert_eq!(found, ["notice renamed foreign_key public.T.a"]);
    let found = expecting(|it| it.tables[0].foreign_keys.clear());
    assert_eq!(found, ["notice extra foreign_key public.T.a"]);
    let twice = after(|it| {
        let again = ForeignKey { name: "again".into(), ..foreign_key() };
        it.tables[0].foreign_keys.push(again);
    });
    assert_eq!(twice, [] as [&str; 0]);
}

#[test]
fn enums_and_their_values() {
    assert_eq!(after(|it| it.enums.clear()), ["error missing enum public.E"]);
    assert_eq!(expecting(|it| it.enums.clear()), ["notice extra enum public.E"]);
    assert_eq!(after(|it| it.enums[0].name.name = "e".into()), ["error renamed enum public.E"]);
    assert_eq!(after(|it| it.enums[0].values = texts(&["A"])), ["error different enum public.E"]);
    assert_eq!(after(|it| it.enums[0].values = texts(&["A", "B", "C"])), ["notice different enum public.E"]);
    assert_eq!(after(|it| it.enums[0].values = texts(&["B", "A"])), ["notice different enum public.E"]);
}

#[test]
fn schemas_and_extensions() {
    let found = expecting(|it| it.schemas.push("empty".into()));
    assert_eq!(found, ["notice missing schema empty"]);
    let found = expecting(|it| {
        it.schemas.push("s2".into());
        it.tables.push(Table { name: Name { schema: "s2".into(), name: "X".into() }, ..Table::default() });
    });
    assert_eq!(found, ["error missing schema s2", "error missing table s2.X"]);
    let hstore = |schema: Option<&str>, version: Option<&str>| {
        let text = |text: Option<&str>| text.map(str::to_owned);
        Extension { name: "hstore".into(), schema: text(schema), version: text(version) }
    };
    assert_eq!(expecting(|it| it.extensions.push(hstore(None, None))), ["warning missing extension hstore"]);
    assert_eq!(after(|it| it.extensions.push(hstore(Some("public"), Some("1.8")))), [] as [&str; 0]);
    let found = |schema, version| {
        let (mut expected, mut actual) = (sample(), sample());
        expected.extensions.push(hstore(schema, version));
        actual.extensions.push(hstore(Some("public"), Some("1.8")));
        told(&compare(&expected, &actual, Dialect::Postgres))
    };
    assert_eq!(found(None, Some("1.8")), [] as [&str; 0]);
    assert_eq!(found(Some("tools"), None), ["notice different extension hstore"]);
    assert_eq!(found(Some("public"), Some("1.7")), ["notice different extension hstore"]);
}

#[test]
fn names_are_cut_as_the_server_cuts_them() {
    let long = "x".repeat(70);
    let (mut expected, mut actual) = (sample(), sample());
    expected.tables[0].name.name.clone_from(&long);
    expected.tables[0].columns[2].name = long.as_str().into();
    actual.tables[0].name.name = long[..63].to_owned();
    actual.tables[0].columns[2].name = long[..63].into();
    assert_eq!(compare(&expected, &actual, Dialect::Postgres), []);
}

#[test]
fn a_finding_says_where_and_what() {
    let mut actual = sample();
    actual.tables[0].columns[2].arity = Arity::Optional;
    let findings = compare(&sample(), &actual, Dialect::Postgres);
    let text =
        "column public.T.reportId differs (required by schema.prisma:7): expected NOT NULL, there is NULL allowed";
    assert_eq!(findings[0].to_string(), text);
}
