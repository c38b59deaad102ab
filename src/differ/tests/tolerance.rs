//! What looks like a difference and is none, or cannot be told.

use super::*;

#[test]
fn what_else_may_fill_a_column_makes_it_uncompared() {
    let required = |may_fill: bool| {
        after(move |it| {
            it.tables[0].may_fill = may_fill;
            it.tables[0].columns.push(Column { arity: Arity::Required, ..column("more", "text") });
        })
    };
    assert_eq!(required(false), ["error extra column public.T.more"]);
    assert_eq!(required(true), ["notice uncompared column public.T.more"]);
}

#[test]
fn constraints_that_are_not_enforced_were_declared_so() {
    let not_enforced = Guarantee { valid: false, enforced: false };
    let (mut expected, mut actual) = (sample(), sample());
    actual.tables[0].foreign_keys[0].guarantee = not_enforced;
    let found = compare(&expected, &actual, Dialect::Postgres);
    assert_eq!(told(&found), ["warning invalid foreign_key public.T.a"]);
    assert!(found[0].text().contains("NOT ENFORCED") && !found[0].text().contains("NOT VALID"));
    expected.source = CatalogSource::PrismaSchema;
    assert_eq!(told(&compare(&expected, &actual, Dialect::Postgres)), ["notice invalid foreign_key public.T.a"]);
    let check = Constraint { name: "c".into(), guarantee: not_enforced, ..Constraint::default() };
    assert_eq!(after(move |it| it.tables[0].constraints.push(check.clone())), [] as [&str; 0]);
}

#[test]
fn indexes_that_do_more_or_whose_class_has_parameters() {
    let include = after(|it| it.tables[0].indexes[0].include = texts(&["t"]));
    assert_eq!(include, ["notice different index public.T_a_idx"]);
    let with_class = |wanted: &str, there: &str| {
        let (mut expected, mut actual) = (sample(), sample());
        for (catalog, class) in [(&mut expected, wanted), (&mut actual, there)] {
            let index = &mut catalog.tables[0].indexes[0];
            index.method = "gist".into();
            index.columns[0].class = Some(class.into());
        }
        told(&compare(&expected, &actual, Dialect::Postgres))
    };
    assert_eq!(with_class("gist_trgm_ops", "gist_trgm_ops"), [] as [&str; 0]);
    assert_eq!(with_class("\"public\".\"gist_trgm_ops\"", "gist_trgm_ops"), [] as [&str; 0]);
    assert_eq!(with_class("gist_trgm_ops(siglen=32)", "gist_trgm_ops"), ["notice uncompared index public.T_a_idx"]);
    assert_eq!(with_class("js.nb_path_ops", "js.nb_path_ops"), [] as [&str; 0]);
    assert_eq!(with_class("a(10)b", "a(10)b"), [] as [&str; 0]);
    assert_eq!(with_class("gist_trgm_ops", "gist_other_ops"), ["warning different index public.T_a_idx"]);
}

#[test]
fn defaults_by_who_counts_on_them() {
    let defaults = |kind: &str, expected: Default, actual: Default| {
        let mut catalogs = (sample(), sample());
        let set = |catalog: &mut Catalog, default| {
            catalog.tables[0].columns[2] = Column { default, ..column("reportId", kind) };
        };
        set(&mut catalogs.0, expected);
        set(&mut catalogs.1, actual);
        compare(&catalogs.0, &catalogs.1, Dialect::Postgres).first().map(|finding| finding.severity)
    };
    let value = |text: &str| Default::Value(text.to_owned());
    let expression = |text: &str| Default::Expression(text.to_owned());
    let (same, warning) = (None, Some(Severity::Warning));
    assert_eq!(defaults("text", Default::None, value("x")), Some(Severity::Notice));
    assert_eq!(defaults("text", value("x"), Default::None), warning);
    assert_eq!(defaults("text", value("x"), value("X")), warning);
    assert_eq!(defaults("numeric", value("0.00"), value("0")), same);
    assert_eq!(defaults("jsonb", value("{\"b\": 1, \"a\": 2}"), value("{\"a\":2,\"b\":1}")), same);
    assert_eq!(defaults("timestamp", value("2020-01-01"), Default::Now), same);
    assert_eq!(defaults("timestamp", value("2020-01-01"), Default::None), warning);
    // Only the server could tell whether these are the same.
    let uncompared = Some(Severity::Notice);
    assert_eq!(defaults("timestamp", Default::Now, expression("LOCALTIMESTAMP")), uncompared);
    assert_eq!(defaults("int4", value("2"), expression("(1 + 1)")), uncompared);
    assert_eq!(defaults("int4", expression("a() + 1"), expression("(b() + 1)")), uncompared);
    assert_eq!(defaults("inet", value("10.0.0.1"), value("10.0.0.1/32")), uncompared);
    assert_eq!(defaults("interval", expression("interval '24 hours'"), value("24:00:00")), uncompared);
    assert_eq!(defaults("uuid", expression("gen_random_uuid()"), expression("public.uuid_generate_v4()")), warning);
    assert_eq!(defaults("date", expression("date '2020-01-01'"), value("2020-01-01")), same);
    assert_eq!(
        defaults("timestamp", expression("now() + interval '1 day'"), expression("(now() + '1 day'::interval)")),
        same
    );
    assert_eq!(
        defaults("uuid", value("A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11"), value("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11")),
        same
    );
    // The database alone can fill these in.
    assert_eq!(defaults("int4", Default::Sequence, Default::None), Some(Severity::Error));
    assert_eq!(defaults("uuid", expression("gen_random_uuid()"), Default::None), Some(Severity::Error));
    // Prisma's own output, at which it takes offence.
    assert_eq!(defaults("timestamp", expression("now()"), Default::Now), same);
    assert_eq!(defaults("int4", expression("1+1"), expression("(1 + 1)")), same);
    assert_eq!(defaults("text", expression("'x'"), value("x")), same);
    assert_eq!(defaults("text", Default::Any, value("x")), same);
}
