//! Comments that look like marks. A comment that is one of no tool, but was probably meant as one, must not be passed
//! over: the part that takes a migration back would run. A sentence that merely has the words in it is no mark.

/// Words for a direction.
const DIRECTIONS: &[&str] = &[
    "up",
    "ups",
    "down",
    "downs",
    "undo",
    "rollback",
    "revert",
    "reverse",
    "unapply",
    "upgrade",
    "downgrade",
    "backward",
    "backwards",
];

/// Words that may stand beside a direction in a mark.
const COMPANIONS: &[&str] = &[
    "migrate",
    "migration",
    "migrations",
    "dbmate",
    "goose",
    "micrate",
    "rambler",
    "tern",
    "script",
    "section",
    "part",
    "block",
    "sql",
    "begin",
    "start",
    "end",
    "here",
    "step",
    "direction",
];

/// Whole comments that would turn the transaction off, were they spelled as their tool reads them.
const TRANSACTION_OFF: &[&str] = &[
    "notransaction",
    "notransactions",
    "notx",
    "disabletx",
    "disabletransaction",
    "disableddltransaction",
    "nontransactional",
    "transactionfalse",
    "transactionoff",
    "transactionalfalse",
    "runintransactionfalse",
    "executeintransactionfalse",
    "withouttransaction",
];

/// Whether a comment at the level of statements was probably meant as a mark.
#[must_use]
pub(crate) fn is_like_a_mark(comment: &str) -> bool {
    let text = comment.to_lowercase();
    has_form_of_a_mark(&text) || has_only_words_of_a_mark(&text) || turns_transaction_off(&text)
}

/// Whether a comment was meant as a mark wherever it stands: it has the form of some tool's.
#[must_use]
pub(crate) fn is_surely_a_mark(comment: &str) -> bool {
    has_form_of_a_mark(&comment.to_lowercase())
}

/// `+goose …`, `migrate:down…`, `@undo`, `create above / drop below`, in lower case.
fn has_form_of_a_mark(text: &str) -> bool {
    let is_of = |name: &str| text.contains(name);
    if ["+goose", "+migrate", "+micrate"].into_iter().any(is_of) || (is_of("create above") && is_of("drop below")) {
        return true;
    }
    let begins_with_direction = |text: &str| {
        let end = text.find(|c: char| !c.is_alphanumeric()).unwrap_or(text.len());
        DIRECTIONS.contains(&&text[..end]) || ["up", "down"].iter().any(|word| is_slip(&text[..end], word))
    };
    let plain = text.trim_start_matches(|c: char| !c.is_alphanumeric() && c != '@');
    if let Some(annotation) = plain.strip_prefix('@') {
        return begins_with_direction(annotation);
    }
    let Some(rest) = plain.strip_prefix("migrate").or_else(|| plain.strip_prefix("migration")) else { return false };
    let rest = rest.trim_start();
    rest.strip_prefix([':', '=', '_', '-', '.']).is_some_and(|rest| begins_with_direction(rest.trim_start()))
}

/// One letter is missing, wrong, twice or in another place.
fn is_slip(word: &str, meant: &str) -> bool {
    word.len() > 2 && strsim::damerau_levenshtein(word, meant) == 1
}

/// Nothing but a direction, the words that go with it, and numbers; in any order, with any signs between them.
fn has_only_words_of_a_mark(text: &str) -> bool {
    let text = text.replace("roll back", "rollback").replace("roll-back", "rollback");
    let words: Vec<&str> = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let is_direction = |word: &&str| DIRECTIONS.contains(word) || is_joined(word);
    let is_number = |word: &str| word.trim_start_matches('v').bytes().all(|byte| byte.is_ascii_digit());
    let is_allowed = |word: &&str| is_direction(word) || COMPANIONS.contains(word) || is_number(word);
    // A statement that is commented out.
    let is_statement = text.trim_end().ends_with(';') && words.first() == Some(&"rollback");
    !is_statement && words.len() <= 6 && words.iter().any(is_direction) && words.iter().all(is_allowed)
}

/// `migratedown`, `upmigration`.
fn is_joined(word: &str) -> bool {
    COMPANIONS.iter().any(|companion| {
        let direction = word.strip_prefix(companion).or_else(|| word.strip_suffix(companion));
        direction.is_some_and(|direction| DIRECTIONS.contains(&direction))
    })
}

fn turns_transaction_off(text: &str) -> bool {
    let plain: String = text.chars().filter(char::is_ascii_alphanumeric).collect();
    let tools = ["sqlx", "dbmate", "tern", "goose", "migrate", "up", "doorstep"];
    let own = tools.iter().find_map(|tool| plain.strip_prefix(tool)).unwrap_or(&plain);
    TRANSACTION_OFF.contains(&own) || TRANSACTION_OFF.contains(&plain.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_meant_as_a_mark_is_told_from_a_sentence() {
        for mark in [
            "-- Down",
            "-- DOWN",
            "--down",
            "-- @down",
            "-- //@UNDO",
            "-- =====  Down  =====",
            "-- [down]",
            "-- rambler down",
            "-- +micrate Down",
            "-- migrate: down",
            "-- migrate:donw",
            "-- Migrate:Down",
            "-- migrate:down, careful",
            "-- migrate down",
            "-- goose down",
            "-- +goose Dwon",
            "-- see +goose",
            "-- Rollback",
            "-- roll back",
            "-- undo script",
            "-- Down Migration ---",
            "-- migrateDown",
            "-- revert 0002",
            "-- !Downs",
            "-- up / down",
            "-- create above / drop below --",
            "--no-transaction",
            "-- transaction:false",
            "-- No Transaction",
        ] {
            assert!(is_like_a_mark(mark), "{mark}");
        }
        for text in [
            "-- Down migration: none, we only go forward",
            "-- migrate:downtime 5 minutes",
            "-- rollback is not planned",
            "-- clean up",
            "-- set up the roles",
            "-- ROLLBACK;",
            "-- rollback drop table a;",
            "-- downstream systems read this",
            "-- update of the migration",
            "-- migrate the users",
            "-- CreateTable",
            "--",
            "-- 2",
            "-- migration 3",
            "-- runs in no transaction of its own",
        ] {
            assert!(!is_like_a_mark(text), "{text}");
        }
        for (text, surely) in [("-- migrate:down", true), ("-- @undo x", true), ("-- up", false), ("-- down", false)] {
            assert_eq!(is_surely_a_mark(text), surely, "{text}");
        }
    }
}
