//! The rules. Each is a pure function of one action of a statement and of what stands around it.

pub(crate) mod columns;
pub(crate) mod constraints;
pub(crate) mod indexes;
pub(crate) mod locks;
pub(crate) mod order;
pub(crate) mod removals;
pub(crate) mod transactions;

use crate::config::LintRule;
use crate::finding::Severity;
use crate::lint::Circumstances;
use crate::lint::effects::{ActionEffects, Effect, Reach};
use crate::lint::fresh::Fresh;
use crate::lint::hazard::{Hazard, Place, Why};
use crate::lint::reading::{LintScript, ReadStatement};
use crate::sql::{Dialect, ObjectRef};

/// An action of a statement, and what stands around it.
pub(crate) struct Scene<'a> {
    pub(crate) script: &'a LintScript<'a>,
    /// All statements of the script.
    pub(crate) statements: &'a [ReadStatement<'a>],
    /// Which of them it is.
    pub(crate) at: usize,
    /// The action.
    pub(crate) of: &'a ActionEffects,
    /// What is new before it.
    pub(crate) fresh: &'a Fresh,
    pub(crate) circumstances: &'a Circumstances<'a>,
}

/// What a rule finds.
pub(crate) struct Found {
    pub(crate) rule: LintRule,
    pub(crate) severity: Severity,
    pub(crate) why: Why,
}

impl Found {
    pub(crate) fn new(rule: LintRule, severity: Severity, why: Why) -> Self {
        Self { rule, severity, why }
    }
}

impl<'a> Scene<'a> {
    pub(crate) fn dialect(&self) -> Dialect {
        self.circumstances.dialect
    }

    pub(crate) fn statement(&self) -> &'a ReadStatement<'a> {
        &self.statements[self.at]
    }

    pub(crate) fn object(&self) -> Option<&'a ObjectRef> {
        self.of.action.object.as_ref()
    }

    /// The object, if it was there before the scripts that are checked.
    pub(crate) fn existing(&self) -> Option<&'a ObjectRef> {
        self.object().filter(|object| !self.fresh.has(object))
    }

    /// Whether the table of the object was there before.
    pub(crate) fn is_on_existing_table(&self) -> bool {
        self.object().is_some_and(|object| !self.fresh.has(&object.of_table()))
    }

    /// The effects on tables that were there before.
    pub(crate) fn on_existing(&self) -> impl Iterator<Item = (&'a ObjectRef, &'a Effect)> {
        existing_effects(self.of, self.fresh)
    }

    /// The statements behind it.
    pub(crate) fn later(&self) -> &'a [ReadStatement<'a>] {
        &self.statements[self.at + 1..]
    }
}

/// The effects of an action on objects that were there before.
pub(crate) fn existing_effects<'a>(
    of: &'a ActionEffects,
    fresh: &Fresh,
) -> impl Iterator<Item = (&'a ObjectRef, &'a Effect)> {
    let named = of.effects.iter().filter(|effect| effect.reach == Reach::Itself);
    let named = named.filter_map(|effect| Some((effect.object.as_ref()?, effect)));
    named.filter(|(object, _)| !fresh.has(object))
}

/// A rule on a single action.
type Rule = fn(&Scene<'_>) -> Option<Found>;

/// The rules on single actions; the first of each list that finds something speaks for the list.
const RULES: &[&[Rule]] = &[
    &[
        indexes::built,
        indexes::dropped,
        columns::not_null,
        columns::added,
        columns::retyped,
        constraints::unique,
        constraints::checked,
        locks::long,
    ],
    &[columns::without_value],
    &[indexes::hides_invalid],
    &[indexes::concurrently],
    &[removals::renamed, removals::dropped, removals::emptied],
    &[transactions::uses_new_value],
];

/// All hazards of a script. `fresh` learns what it creates.
pub(crate) fn judge(
    script: &LintScript<'_>,
    statements: &[ReadStatement<'_>],
    fresh: &mut Fresh,
    circumstances: &Circumstances<'_>,
) -> Vec<Hazard> {
    let mut found = Vec::new();
    // A file that is missing, or a program, has no script to judge.
    if let Some(why) = script.unreadable.filter(|_| !script.script.text().trim().is_empty()) {
        found.push(order::refused(script, why));
    }
    let mut timeout = locks::Timeout::new(circumstances);
    let mut locked = transactions::Locked::default();
    for (at, statement) in statements.iter().enumerate() {
        for of in &statement.actions {
            let scene = Scene { script, statements, at, of, fresh, circumstances };
            let told = RULES.iter().filter_map(|group| group.iter().find_map(|rule| rule(&scene)));
            let told = told.chain(timeout.judge(&scene)).chain(locked.judge(&scene));
            found.extend(told.map(|it| hazard(&scene, it)));
        }
        statement.actions.iter().for_each(|of| fresh.learn(of));
    }
    found
}

fn hazard(scene: &Scene<'_>, Found { rule, severity, why }: Found) -> Hazard {
    let statement = scene.statement();
    let offset = statement.offset + scene.of.action.offset;
    let place: Place = scene.script.place(offset, statement.outer);
    Hazard { rule, severity, place, object: scene.object().cloned(), why, sql: action_text(scene).to_owned() }
}

/// The text of the action, up to the next one of its statement.
fn action_text<'a>(scene: &Scene<'a>) -> &'a str {
    let (statement, begin) = (scene.statement(), scene.of.action.offset);
    let next = statement.actions.iter().map(|of| of.action.offset).filter(|offset| *offset > begin).min();
    let text = &statement.statement.text[begin..next.unwrap_or(statement.statement.text.len())];
    text.trim_end().trim_end_matches(',').trim_end()
}
