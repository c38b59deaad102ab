//! Follows the body of statements within a statement, whose semicolons do not end it: `BEGIN ATOMIC … END` of an SQL function in
//! PostgreSQL, `BEGIN … END` of a trigger in SQLite, stored programs and compound statements of MySQL and MariaDB.

use crate::sql::Dialect;
use crate::sql::dialect::Lexing;
use crate::sql::words::{Word, Words};

/// What is open at a place within a statement.
pub(crate) struct StatementBody {
    lexing: &'static Lexing,
    /// The open blocks, the innermost last.
    blocks: Vec<Block>,
    /// Where a body, or the statement of a handler, may begin.
    opening: Opening,
    /// The next token begins a statement of the body.
    begins_statement: bool,
    /// The words that end a block: `END IF`.
    after_end: bool,
    /// How many tokens of the whole statement were read, up to three: a label is the first.
    count: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Block {
    /// `BEGIN … END`.
    Begin,
    /// `CASE … END CASE`, between statements.
    CaseStatement,
    /// `CASE … END`, in an expression.
    Case,
    /// `IF … END IF`.
    If,
    /// `LOOP … END LOOP`.
    Loop,
    /// `REPEAT … UNTIL … END REPEAT`.
    Repeat,
    /// `WHILE … DO … END WHILE`, and MariaDB's `FOR … DO … END FOR`.
    While,
}

/// How far the words before a body have been read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Opening {
    /// None may follow.
    Closed,
    /// The statement creates such an object: its name and parameters, an event's schedule, a trigger's table come first.
    Header(Program),
    /// It may begin with the next word.
    Ready,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Program {
    /// A procedure or a function: the parameters come first.
    Routine,
    /// The body follows EACH ROW.
    Trigger,
    /// The body follows DO.
    Event,
}

/// The verbs of single statements: after one, a word like IF is a function's name.
const VERBS: [&str; 28] = [
    "SELECT",
    "INSERT",
    "UPDATE",
    "DELETE",
    "REPLACE",
    "SET",
    "CALL",
    "RETURN",
    "WITH",
    "DO",
    "CREATE",
    "ALTER",
    "DROP",
    "TRUNCATE",
    "EXECUTE",
    "PREPARE",
    "DEALLOCATE",
    "GET",
    "SIGNAL",
    "RESIGNAL",
    "VALUES",
    "SHOW",
    "LEAVE",
    "ITERATE",
    "OPEN",
    "FETCH",
    "CLOSE",
    "ANALYZE",
];

impl StatementBody {
    /// At the beginning of a statement.
    pub(crate) fn of(dialect: Dialect) -> Self {
        let lexing = &dialect.rules().lexing;
        let (blocks, opening) = (Vec::new(), Opening::Closed);
        Self { lexing, blocks, opening, begins_statement: false, after_end: false, count: 0 }
    }

    /// How deep in it the next word is.
    pub(crate) fn depth(&self) -> usize {
        self.blocks.len()
    }

    /// Takes in a word, given those before it in the statement and the number of open parentheses.
    pub(crate) fn read(&mut self, word: Word<'_>, before: Words<'_>, parentheses: usize) {
        match self.lexing.flow_control {
            true => self.read_program(word, before, parentheses),
            false => self.read_plain(word, before),
        }
    }

    /// Takes in a token that is no keyword: a mark, a quoted text, a name.
    pub(crate) fn pass(&mut self, token: &str) {
        if !self.lexing.flow_control {
            return;
        }
        self.count = (self.count + 1).min(3);
        // `label: LOOP`.
        let labels = token == ":" && self.count == 2 && self.blocks.is_empty() && self.opening == Opening::Closed;
        self.begins_statement = (token == ";" || token == ":") && !self.blocks.is_empty();
        self.after_end = false;
        if labels {
            self.opening = Opening::Ready;
        }
        match (token, self.opening) {
            (";", _) if !self.blocks.is_empty() => self.opening = Opening::Closed,
            // The parameters of a routine are complete.
            (")", Opening::Header(Program::Routine)) => self.opening = Opening::Ready,
            _ => {}
        }
    }

    /// The bodies of PostgreSQL and SQLite.
    fn read_plain(&mut self, word: Word<'_>, before: Words<'_>) {
        match (self.blocks.is_empty(), self.opening) {
            (true, Opening::Closed) => {
                if before.is_empty() && word == "CREATE" {
                    self.opening = Opening::Header(Program::Routine);
                }
            }
            (true, Opening::Header(_)) => {
                if word.is_any(self.lexing.with_bodies) {
                    self.opening = Opening::Ready;
                }
            }
            (true, Opening::Ready) => {
                // The last words, this one included, are those that begin a body.
                let begins = self.lexing.body_begins;
                let mut latest = std::iter::once(word).chain(before.iter().rev()).zip(begins.iter().rev());
                if before.len() + 1 >= begins.len() && latest.all(|(word, keyword)| word == *keyword) {
                    self.blocks.push(Block::Begin);
                }
            }
            (false, _) if word == "CASE" => self.blocks.push(Block::Case),
            (false, _) if word == "END" => drop(self.blocks.pop()),
            (false, _) => {}
        }
    }

    /// The stored programs of MySQL and MariaDB (MySQL manual 15.6, 15.1.17; MariaDB, "Programmatic & Compound Statements").
    fn read_program(&mut self, word: Word<'_>, before: Words<'_>, parentheses: usize) {
        let is_first = self.count == 0;
        let begins_statement = std::mem::take(&mut self.begins_statement) || is_first;
        let after_end = std::mem::take(&mut self.after_end);
        self.count = (self.count + 1).min(3);
        if self.blocks.is_empty() {
            return self.read_header(word, before, parentheses, is_first);
        }
        if after_end && word.is_any(&["IF", "CASE", "LOOP", "REPEAT", "WHILE", "FOR"]) {
            return;
        }
        if self.opening == Opening::Ready && !begins_statement {
            // The statement of a handler.
            let block = block(word).filter(|_| word != "FOR");
            if block.is_some() || word.is_any(&VERBS) {
                self.opening = Opening::Closed;
            }
            if let Some(block) = block {
                return self.begin(block);
            }
        }
        let innermost = self.blocks.last().copied();
        match word.0.to_ascii_uppercase().as_str() {
            "END" if begins_statement || matches!(innermost, Some(Block::Case | Block::Repeat)) => {
                self.blocks.pop();
                self.after_end = innermost != Some(Block::Case);
            }
            "THEN" | "ELSE" => self.begins_statement = innermost != Some(Block::Case),
            "DO" => self.begins_statement = innermost == Some(Block::While) && !begins_statement,
            "HANDLER" if !begins_statement => self.opening = Opening::Ready,
            "CASE" if !begins_statement => self.blocks.push(Block::Case),
            _ if begins_statement => {
                if let Some(block) = block(word) {
                    self.begin(block);
                }
            }
            _ => {}
        }
    }

    /// A word before the body.
    fn read_header(&mut self, word: Word<'_>, before: Words<'_>, parentheses: usize, is_first: bool) {
        // MariaDB's compound statements outside stored programs: no other statement begins with such a word.
        if is_first && let Some(block) = block(word).filter(|block| *block != Block::Begin) {
            return self.begin(block);
        }
        if word == "ATOMIC" && before.are(&["BEGIN", "NOT"]) {
            return self.begin(Block::Begin);
        }
        let follows = |keywords: &[&str]| before.last().is_some_and(|last| last.is_any(keywords));
        match self.opening {
            Opening::Closed => {
                if let Some(program) = program(word).filter(|_| creates_program(before)) {
                    self.opening = Opening::Header(program);
                }
            }
            Opening::Header(Program::Trigger) if word == "ROW" && follows(&["EACH"]) => self.opening = Opening::Ready,
            Opening::Header(Program::Event) if word == "DO" && parentheses == 0 => self.opening = Opening::Ready,
            Opening::Ready if parentheses == 0 => {
                if let Some(block) = block(word) {
                    self.opening = Opening::Closed;
                    return self.begin(block);
                }
                // `RETURNS CHAR(3) CHARACTER SET ascii`, `RETURNS SET('a')`.
                let is_type = word == "SET" && follows(&["CHARACTER", "CHAR", "RETURNS"]);
                if word.is_any(&VERBS) && !is_type {
                    self.opening = Opening::Closed;
                }
            }
            _ => {}
        }
    }

    fn begin(&mut self, block: Block) {
        self.blocks.push(block);
        self.begins_statement = matches!(block, Block::Begin | Block::Loop | Block::Repeat);
    }
}

/// The block that a word begins where a statement begins.
fn block(word: Word<'_>) -> Option<Block> {
    const BLOCKS: [(&str, Block); 7] = [
        ("BEGIN", Block::Begin),
        ("CASE", Block::CaseStatement),
        ("IF", Block::If),
        ("LOOP", Block::Loop),
        ("REPEAT", Block::Repeat),
        ("WHILE", Block::While),
        ("FOR", Block::While),
    ];
    named(word, &BLOCKS)
}

/// The stored program that a word names.
fn program(word: Word<'_>) -> Option<Program> {
    const PROGRAMS: [(&str, Program); 4] = [
        ("PROCEDURE", Program::Routine),
        ("FUNCTION", Program::Routine),
        ("TRIGGER", Program::Trigger),
        ("EVENT", Program::Event),
    ];
    named(word, &PROGRAMS)
}

/// What the word means, if it is one of the keywords.
fn named<T: Copy>(word: Word<'_>, meanings: &[(&str, T)]) -> Option<T> {
    meanings.iter().find(|(keyword, _)| word == *keyword).map(|(_, meaning)| *meaning)
}

/// How many words may precede the kind of a stored program.
const LONGEST_HEAD: usize = 12;

/// Whether the word after these names what a statement creates: `CREATE [OR REPLACE] [DEFINER = user] [AGGREGATE]`.
fn creates_program(before: Words<'_>) -> bool {
    let mut words = before.iter().peekable();
    // `ALTER EVENT e DO …` has a body, too.
    if before.len() > LONGEST_HEAD || !words.next().is_some_and(|first| first.is_any(&["CREATE", "ALTER"])) {
        return false;
    }
    if words.next_if(|word| *word == "OR").is_some() && !words.next().is_some_and(|word| word == "REPLACE") {
        return false;
    }
    if words.next_if(|word| *word == "DEFINER").is_some() {
        // The user: `CURRENT_USER`, or a name and a host, each of which may have several words.
        let others = ["VIEW", "SQL", "SECURITY", "PROCEDURE", "FUNCTION", "TRIGGER", "EVENT", "TABLE"];
        return !words.any(|word| word.is_any(&others));
    }
    words.next_if(|word| *word == "AGGREGATE");
    words.next().is_none()
}

#[cfg(test)]
mod tests {
    use crate::sql::Dialect;
    use crate::sql::script::{is_complete, statements};

    /// Each is one statement, whatever follows it.
    #[test]
    fn stored_programs_of_mysql_are_one_statement() {
        for program in [
            "CREATE PROCEDURE p() BEGIN SELECT 1; SELECT 2; END",
            "CREATE PROCEDURE p(IN a VARCHAR(10), OUT b SET('x')) BEGIN NOT DETERMINISTIC; END",
            "CREATE DEFINER=`r`@`h` PROCEDURE p() COMMENT 'x; BEGIN' SQL SECURITY INVOKER BEGIN END",
            "CREATE DEFINER = root@localhost FUNCTION f() RETURNS CHAR(3) CHARACTER SET ascii BEGIN RETURN 'a'; END",
            "CREATE OR REPLACE DEFINER=CURRENT_USER() PROCEDURE p() BEGIN BEGIN SELECT 1; END; END",
            "CREATE PROCEDURE IF NOT EXISTS p() IF a THEN SELECT 1; ELSEIF b THEN SELECT 2; ELSE SELECT 3; END IF",
            "CREATE PROCEDURE p() l1: BEGIN l2: LOOP LEAVE l2; END LOOP l2; END l1",
            "CREATE PROCEDURE p() BEGIN IF IF(a, b, c) THEN SELECT REPEAT('x', 3); END IF; DROP TABLE IF EXISTS t; END",
            "CREATE PROCEDURE p() BEGIN CASE a WHEN 1 THEN SELECT 1; ELSE BEGIN END; END CASE; SELECT 2; END",
            "CREATE PROCEDURE p() BEGIN SET a = CASE WHEN b THEN IF(c, 1, 2) ELSE REPEAT('x', 2) END; SELECT 2; END",
            "CREATE PROCEDURE p() BEGIN SELECT CASE a WHEN 1 THEN CASE b WHEN 2 THEN 3 END END AS end, t.end; END",
            "CREATE PROCEDURE p() BEGIN REPEAT SET a = a + 1; UNTIL CASE WHEN a THEN 1 END END REPEAT; END",
            "CREATE PROCEDURE p() BEGIN WHILE a DO SET a = 0; DO SLEEP(1); END WHILE; END",
            "CREATE PROCEDURE p() BEGIN DECLARE EXIT HANDLER FOR SQLEXCEPTION BEGIN ROLLBACK; END; SELECT 1; END",
            "CREATE PROCEDURE p() BEGIN DECLARE CONTINUE HANDLER FOR NOT FOUND SET d = IF(1, 2, 3); SELECT 1; END",
            "CREATE PROCEDURE p() BEGIN DECLARE c CURSOR FOR SELECT 1; OPEN c; r: LOOP FETCH c INTO x; IF d THEN LEAVE r; END IF; END LOOP; CLOSE c; END",
            "CREATE PROCEDURE p() BEGIN FOR i IN 1..3 DO SELECT i; END FOR; END",
            "CREATE PROCEDURE p() BEGIN SET @a := IF(1, 2, 3); l: WHILE 1 DO LEAVE l; END WHILE l; END",
            "CREATE TRIGGER t BEFORE INSERT ON a FOR EACH ROW BEGIN SET NEW.x = 1; SET NEW.y = 2; END",
            "CREATE TRIGGER t BEFORE INSERT ON a FOR EACH ROW IF NEW.x THEN SET NEW.y = 2; END IF",
            "CREATE TRIGGER t AFTER UPDATE ON a FOR EACH ROW FOLLOWS u BEGIN SELECT 1; END",
            "CREATE TRIGGER t AFTER UPDATE ON a FOR EACH ROW SET NEW.x = CASE WHEN 1 THEN 2 END",
            "CREATE EVENT e ON SCHEDULE EVERY 1 DAY STARTS NOW() ON COMPLETION PRESERVE DO BEGIN DELETE FROM a; SELECT 1; END",
            "ALTER EVENT e DO BEGIN SELECT 1; SELECT 2; END",
            "/*!50003 CREATE*/ /*!50017 DEFINER=`r`@`h`*/ /*!50003 TRIGGER t BEFORE INSERT ON a FOR EACH ROW BEGIN SELECT 1; END */",
            "BEGIN NOT ATOMIC SELECT 1; IF a THEN SELECT 2; END IF; END",
            "IF (SELECT 1) THEN SELECT 1; END IF",
            "l: LOOP LEAVE l; END LOOP",
            // No bodies.
            "CREATE FUNCTION f() RETURNS INT DETERMINISTIC RETURN IF(1, 2, 3)",
            "CREATE FUNCTION f() RETURNS INT RETURN CASE WHEN 1 THEN REPEAT('x', 1) END",
            "CREATE PROCEDURE p() SELECT IF(a, 1, 2), REPEAT('x', 3) FROM t",
            "CREATE FUNCTION f RETURNS STRING SONAME 'f.so'",
            "CREATE TABLE shift (event INT, begin DATETIME, `end` DATETIME)",
            "CREATE TABLE trigger_log (function INT, begin INT)",
            "CREATE DEFINER=r@h VIEW event AS SELECT begin FROM t",
            "SELECT @a := IF(1, 2, 3), CASE WHEN 1 THEN 2 END, REPEAT('x', 2)",
            "BEGIN",
            "DROP PROCEDURE IF EXISTS p",
        ] {
            let script = format!("{program}; b; c");
            let texts: Vec<&str> = statements(&script, Dialect::Mysql).into_iter().map(|it| it.text).collect();
            assert_eq!(texts, [program, "b", "c"]);
            assert!(is_complete(&script, Dialect::Mysql), "{program}");
        }
        assert!(!is_complete("BEGIN NOT ATOMIC a; b", Dialect::Mysql));
    }
}
