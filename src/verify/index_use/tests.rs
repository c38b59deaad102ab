//! Plans against what is asked of them.

use crate::base::fault::Class;
use crate::catalog::{Key, Name, Origin};
use crate::verify::index_use::*;

/// `t (a, b)`: an index on the table `public.t`; `-` before a column is DESC.
fn index(name: &str, columns: &[&str]) -> Index {
    let column = |name: &&str| IndexColumn {
        name: name.trim_start_matches('-').into(),
        descending: name.starts_with('-'),
        ..IndexColumn::default()
    };
    let columns = columns.iter().map(column).collect();
    Index { name: name.into(), columns, method: "btree".into(), valid: true, ..Index::default() }
}

fn catalog(indexes: Vec<Index>) -> Catalog {
    let name = Name { schema: "public".to_owned(), name: "t".to_owned() };
    let key = Key { name: "t_pkey".into(), columns: vec!["id".into()], ..Key::default() };
    let table = Table { name, primary_key: Some(key), indexes, ..Table::default() };
    Catalog { tables: vec![table], ..Catalog::default() }
}

fn query(sql: &str, index: &str) -> ServiceQuery {
    let indexes = vec![index.parse().unwrap()];
    ServiceQuery {
        name: "q".to_owned(),
        sql: sql.to_owned(),
        indexes,
        severity: Severity::Warning,
        origin: Origin::default(),
    }
}

/// A plan that reads one index, or with an empty name the table.
fn plan(index: &str, condition: &str, sorts: bool) -> QueryPlan {
    let index = Some(index.to_owned()).filter(|index| !index.is_empty());
    let scan = Scan { schema: Some("public".to_owned()), index, condition: condition.to_owned() };
    QueryPlan { scans: vec![scan], sorts, outline: "Scan".to_owned() }
}

fn told(query: &ServiceQuery, plans: Vec<QueryPlan>, indexes: Vec<Index>) -> Option<Difference> {
    findings(std::slice::from_ref(query), &[Ok(plans)], &catalog(indexes), Dialect::Postgres).pop()
}

const BY_A: &str = "SELECT * FROM t WHERE a = $1";
const PAGE: &str = "SELECT * FROM t WHERE a = $1 ORDER BY b DESC LIMIT 9";

#[test]
fn one_plan_of_several_is_enough() {
    let plans = vec![plan("", "", true), plan("i", "(t.a = $1)", false)];
    assert_eq!(told(&query(BY_A, "i"), plans, vec![index("i", &["a"])]), None);
    let plans = vec![plan("t_pkey", "(t.id = $1)", false)];
    assert_eq!(told(&query("SELECT * FROM t WHERE id = $1", "t_pkey"), plans, Vec::new()), None);
}

#[test]
fn an_index_that_begins_alike_would_do_as_well() {
    let plans = || vec![plan("used", "(t.a = $1)", false)];
    let is_enough = |sql: &str, wanted: &[&str], used: &[&str]| {
        told(&query(sql, "i"), plans(), vec![index("i", wanted), index("used", used)]).is_none()
    };
    assert!(is_enough(BY_A, &["a", "b"], &["a"]));
    assert!(is_enough(BY_A, &["a"], &["a", "b"]));
    assert!(is_enough(BY_A, &["a", "c"], &["a", "b"]));
    assert!(is_enough(PAGE, &["a", "-b", "c"], &["a", "-b"]));
    assert!(is_enough(PAGE, &["a", "b"], &["a", "-b"]));
    // Not where it brings another order, or nothing that is searched.
    assert!(!is_enough(PAGE, &["a", "c"], &["a", "-b"]));
    assert!(!is_enough(PAGE, &["a", "b", "c"], &["a", "b", "-c"]));
    assert!(!is_enough(BY_A, &["b", "a"], &["a"]));
    let partial = Index { predicate: Some("a > 0".to_owned()), ..index("i", &["a"]) };
    assert!(told(&query(BY_A, "i"), plans(), vec![partial, index("used", &["a"])]).is_some());
}

#[test]
fn an_index_that_is_walked_or_sorted_afterwards_is_not_used_well() {
    let cause = |sql, plan, columns: &[&str]| {
        let finding = told(&query(sql, "i"), vec![plan], vec![index("i", columns)]);
        finding.and_then(|finding| finding.known.cause).map(|cause| cause.to_string()).unwrap_or_default()
    };
    let walked = cause(BY_A, plan("i", "(t.a = $1)", false), &["b", "a"]);
    assert!(walked.contains("the index is (b, a): the query does not search its first column"), "{walked}");
    // Read in its order, it is.
    assert_eq!(cause(PAGE, plan("i", "(t.a = $1)", false), &["b", "a"]), "");
    let sorted = cause(PAGE, plan("i", "(t.a = $1)", true), &["a", "c"]);
    assert!(sorted.contains("its order is not that of the query"), "{sorted}");
    assert_eq!(cause(PAGE, plan("i", "(t.a = $1)", true), &["a"]), "");
    let grouped = "SELECT b, count(*) FROM t WHERE a = $1 GROUP BY b ORDER BY 2";
    assert_eq!(cause(grouped, plan("i", "(t.a = $1)", true), &["a", "b"]), "");
    let other = cause(BY_A, plan("t_pkey", "", false), &["a"]);
    assert!(other.contains("the planner can take t_pkey instead"), "{other}");
    let unfit = cause(BY_A, plan("", "", true), &["c"]);
    assert!(unfit.contains("which fits neither"), "{unfit}");
}

#[test]
fn a_missing_or_broken_index_is_told_as_such() {
    let finding = told(&query(BY_A, "I"), vec![plan("", "", false)], vec![index("i", &["a"])]).unwrap();
    assert_eq!((finding.kind, finding.severity), (DifferenceKind::Missing, Severity::Warning));
    assert_eq!(finding.known.cause.unwrap().to_string(), "there is no index I; there is public.i (a)");
    let broken = Index { valid: false, ..index("i", &["a"]) };
    let finding = told(&query(BY_A, "i"), vec![plan("", "", false)], vec![broken]).unwrap();
    assert_eq!(
        (finding.kind, finding.known.remedy.unwrap().to_string().as_str()),
        (DifferenceKind::Invalid, "REINDEX INDEX CONCURRENTLY \"public\".\"i\"")
    );
    // Two of the same name in other schemas are told apart.
    let other = told(&query(BY_A, "shop.i"), vec![plan("i", "(t.a = $1)", false)], vec![index("i", &["a"])]);
    assert_eq!(other.unwrap().kind, DifferenceKind::Missing);
    // Nothing to read: nothing to say.
    let nothing = vec![QueryPlan { outline: "Result".to_owned(), ..QueryPlan::default() }];
    assert_eq!(told(&query(BY_A, "i"), nothing, vec![index("i", &["a"])]), None);
}

#[test]
fn what_the_server_refuses_is_told_with_its_place() {
    let query = ServiceQuery { sql: "SELECT 1\n  FROM nothing".to_owned(), ..query("", "i") };
    let of_class = |class, place| {
        let fault = Fault { place, ..Fault::new(class, "no") };
        findings(std::slice::from_ref(&query), &[Err(fault)], &Catalog::default(), Dialect::Postgres).pop().unwrap()
    };
    let finding = of_class(Class::Statement, Some(Place::Character(17)));
    assert_eq!((finding.kind, finding.severity), (DifferenceKind::Missing, Severity::Error));
    assert_eq!(finding.known.cause.unwrap().to_string(), "no, at line 2, column 8 of the query");
    assert_eq!(of_class(Class::Privilege, None).kind, DifferenceKind::Hidden);
    assert!(of_class(Class::Cancelled, None).known.cause.unwrap().to_string().starts_with("no answer in time"));
}
