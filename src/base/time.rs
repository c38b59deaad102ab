//! Times for people: to the second, and how long ago. Files, JSON and pipes keep RFC 3339.

use std::time::{Duration, SystemTime};

/// `2026-11-28T13:40:02.123+00:00` as `2026-11-28 13:40:02 (3 minutes ago)`, in UTC; `None` for any other text.
pub(crate) fn for_people(rfc3339: &str, now: SystemTime) -> Option<String> {
    let time = parse(rfc3339)?;
    let text = humantime::format_rfc3339_seconds(time).to_string();
    let text = text.replace('T', " ").replace('Z', "");
    Some(match now.duration_since(time) {
        Ok(age) => format!("{text} ({})", ago(age)),
        // The clocks of server and client differ.
        Err(_) => text,
    })
}

/// The same for every time in a text that doorstep has worded. Lines of an excerpt (`12 | INSERT …`) stay as they are.
pub(crate) fn in_text(text: &str, now: SystemTime) -> String {
    let lines = text.split_inclusive('\n');
    lines.map(|line| if line.contains(" | ") { line.to_owned() } else { in_line(line, now) }).collect()
}

fn in_line(line: &str, now: SystemTime) -> String {
    const DATE: usize = "2026-11-28".len();
    let (mut shown, mut rest) = (String::new(), line);
    while let Some(at) = rest.find('T') {
        let start = at.checked_sub(DATE).filter(|start| rest.is_char_boundary(*start)).unwrap_or(at);
        let end = rest[start..].find([' ', ',', ')', ';', '\n']).map_or(rest.len(), |end| start + end);
        let word = rest[start..end].trim_end_matches([':', '.']);
        match for_people(word, now) {
            Some(time) => {
                shown += &rest[..start];
                shown += &time;
                rest = &rest[start + word.len()..];
            }
            None => {
                shown += &rest[..=at];
                rest = &rest[at + 1..];
            }
        }
    }
    shown + rest
}

/// RFC 3339 with any offset.
fn parse(text: &str) -> Option<SystemTime> {
    const OFFSET: usize = "+00:00".len();
    let split = text.len().checked_sub(OFFSET).filter(|at| text.is_char_boundary(*at))?;
    let (local, offset) = text.split_at(split);
    let utc = |text: &str| humantime::parse_rfc3339(text).ok();
    let Some((hours, minutes)) = offset.strip_prefix(['+', '-']).and_then(|offset| offset.split_once(':')) else {
        return utc(text);
    };
    let seconds = hours.parse::<u64>().ok()? * 3600 + minutes.parse::<u64>().ok()? * 60;
    let local = utc(&format!("{local}Z"))?;
    match offset.starts_with('+') {
        true => local.checked_sub(Duration::from_secs(seconds)),
        false => local.checked_add(Duration::from_secs(seconds)),
    }
}

/// `12 seconds ago`: the largest unit, rounded down.
fn ago(age: Duration) -> String {
    const UNITS: [(u64, &str); 6] =
        [(31_536_000, "year"), (2_592_000, "month"), (86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second")];
    let seconds = age.as_secs();
    let unit = UNITS.into_iter().find(|(length, _)| seconds >= *length);
    unit.map_or("just now".to_owned(), |(length, unit)| match seconds / length {
        1 => format!("1 {unit} ago"),
        count => format!("{count} {unit}s ago"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_within_a_sentence_are_found_and_excerpts_stay() {
        let now = humantime::parse_rfc3339("2026-11-28T13:43:05Z").unwrap();
        for (text, expected) in [
            (
                "connected since 2026-11-28T13:40:02Z, active",
                "connected since 2026-11-28 13:40:02 (3 minutes ago), active",
            ),
            (
                "by hand at 2026-11-28T13:40:02.5+00:00: none ran",
                "by hand at 2026-11-28 13:40:02 (3 minutes ago): none ran",
            ),
            ("The Table éT, at 2026-11-28T13:43:04Z\nT", "The Table éT, at 2026-11-28 13:43:04 (1 second ago)\nT"),
            ("  12 | VALUES ('2026-11-28T13:40:02Z')\n", "  12 | VALUES ('2026-11-28T13:40:02Z')\n"),
            ("WITHOUT", "WITHOUT"),
        ] {
            assert_eq!(in_text(text, now), expected);
        }
    }

    #[test]
    fn times_are_to_the_second_with_their_age() {
        let now = humantime::parse_rfc3339("2026-11-28T13:43:05Z").unwrap();
        for (time, expected) in [
            ("2026-11-28T13:40:02.123456Z", "2026-11-28 13:40:02 (3 minutes ago)"),
            ("2026-11-28T22:40:02+09:00", "2026-11-28 13:40:02 (3 minutes ago)"),
            ("2026-11-28T10:10:02.5-03:30", "2026-11-28 13:40:02 (3 minutes ago)"),
            ("2026-11-28T13:43:05Z", "2026-11-28 13:43:05 (just now)"),
            ("2026-11-28T13:43:04Z", "2026-11-28 13:43:04 (1 second ago)"),
            ("2026-11-27T13:43:04Z", "2026-11-27 13:43:04 (1 day ago)"),
            ("2024-01-01T00:00:00Z", "2024-01-01 00:00:00 (2 years ago)"),
            ("2026-11-28T13:50:00Z", "2026-11-28 13:50:00"),
        ] {
            assert_eq!(for_people(time, now).as_deref(), Some(expected), "{time}");
        }
        for other in ["", "yesterday", "2026-11-28", "ééé", "2026-11-28T13:43:05+é:00"] {
            assert_eq!(for_people(other, now), None, "{other}");
        }
    }
}
