//! Judges the file of an SQLite database. Pure.

use crate::base::error::Code;
use crate::engines::trace::{FileLock, FileState, FileTrace};
use crate::inspect::doctor::facts::Answer;
use crate::inspect::doctor::{Line, Stage};

/// The file, and who has locked it.
pub(crate) fn lines(trace: &FileTrace) -> Vec<Line> {
    let FileTrace { path, state } = trace;
    let (file, locks) = match state {
        FileState::Absent => {
            let line = Line::broken(Stage::File, format!("{path} does not exist"), Code::Unavailable as u8)
                .next("doorstep migrate creates it; or correct the path of the URL");
            (line, Line::skipped(Stage::Locks, "needs a file"))
        }
        FileState::Unusable(why) => {
            let line = Line::broken(Stage::File, format!("{path} cannot be a database: {why}"), Code::Settings as u8)
                .next("correct the path of the URL");
            (line, Line::skipped(Stage::Locks, "needs a file"))
        }
        FileState::Present { size, is_writable, is_directory_writable, locks } => {
            let text = format!("{path}, {size} bytes");
            let code = Code::Permission as u8;
            let line = match (is_writable, is_directory_writable) {
                (true, true) => Line::ok(Stage::File, text),
                (false, _) => Line::broken(Stage::File, format!("{text}: this user may not write to it"), code)
                    .next("let this user read and write the file"),
                (true, false) => {
                    Line::broken(Stage::File, format!("{text}: this user may not write to its folder"), code)
                        .next("let this user write to the folder: SQLite puts its journal beside the file")
                }
            };
            (line.fact("size", *size).fact("writable", *is_writable && *is_directory_writable), of_locks(locks))
        }
    };
    vec![file, locks]
}

fn of_locks(locks: &[FileLock]) -> Line {
    let Some(lock) = locks.first() else {
        return Line::ok(Stage::Locks, "no other process has locked it").fact("locked", false);
    };
    let who = lock.pid.map_or("a process that is not visible from here".to_owned(), |pid| format!("process {pid}"));
    let line = match lock.is_exclusive {
        true => Line::odd(Stage::Locks, format!("{who} is writing to it, or keeps it locked"))
            .next("a start waits for it; end the process if it should have ended"),
        false => Line::ok(Stage::Locks, format!("{who} is reading it")),
    };
    line.fact("locked", lock.is_exclusive).fact("pid", lock.pid)
}

/// How it keeps what is being written.
pub(crate) fn journal(answer: &Answer<String>) -> Option<Line> {
    Some(match answer {
        Answer::Told(mode) => {
            let line = match mode.as_str() {
                "off" | "memory" => {
                    Line::odd(Stage::Journal, format!("{mode}: a crash while it is written to destroys it"))
                        .next("PRAGMA journal_mode = WAL, or DELETE")
                }
                _ => Line::ok(Stage::Journal, mode.as_str()),
            };
            line.fact("mode", mode.as_str())
        }
        Answer::Refused(fault) => Line::unknown(Stage::Journal, fault.to_string()),
        Answer::NotAsked => Line::skipped(Stage::Journal, "needs a login"),
        Answer::Nothing(_) => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::doctor::State;

    fn judged(state: FileState) -> [(State, u8); 2] {
        let lines = lines(&FileTrace { path: "app.db".to_owned(), state });
        [0, 1].map(|index| (lines[index].state, lines[index].code))
    }

    fn present(is_writable: bool, is_directory_writable: bool, locks: &[FileLock]) -> FileState {
        FileState::Present { size: 1, is_writable, is_directory_writable, locks: locks.to_vec() }
    }

    #[test]
    fn a_file_is_judged_by_what_a_start_could_do_with_it() {
        let lock = |is_exclusive| FileLock { is_exclusive, pid: Some(7) };
        let (fine, skipped) = ((State::Ok, 0), (State::Skipped, 0));
        for (state, expected) in [
            (FileState::Absent, [(State::Broken, 69), skipped]),
            (FileState::Unusable("a directory".to_owned()), [(State::Broken, 78), skipped]),
            (present(true, true, &[]), [fine, fine]),
            (present(false, true, &[]), [(State::Broken, 77), fine]),
            (present(true, false, &[]), [(State::Broken, 77), fine]),
            (present(true, true, &[lock(false)]), [fine, fine]),
            (present(true, true, &[lock(true)]), [fine, (State::Odd, 0)]),
        ] {
            let shown = format!("{state:?}");
            assert_eq!(judged(state), expected, "{shown}");
        }
    }
}
