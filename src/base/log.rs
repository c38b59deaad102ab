//! Logs: one line per event on stderr, as text or as one JSON object. stdout belongs to the service.
//!
//! Only doorstep's own events are written. Libraries may log what they like (sqlx logs every statement
//! at `debug`); none of it passes, so that no secret and no data of the user's can.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::base::{neutral, progress_bar, time};

/// How much to log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

/// Form of the log lines, and of results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people
    Text,
    /// For machines
    Json,
}

thread_local! {
    /// The schema whose work is going on, of many that one start migrates.
    static SCHEMA: RefCell<Option<Rc<str>>> = const { RefCell::new(None) };
    /// The warnings that were logged for a schema, and for how many.
    static WARNED: RefCell<HashMap<String, usize>> = RefCell::default();
}

/// For how many schemas the same warning is logged.
const ALIKE: usize = 3;

/// Whether a line about one of many schemas is written: only with the details, all of them.
fn is_told(level: tracing::Level, message: Option<&str>) -> bool {
    match level {
        tracing::Level::INFO => false,
        tracing::Level::WARN => WARNED.with_borrow_mut(|warned| {
            let count = warned.entry(message.unwrap_or_default().to_owned()).or_default();
            *count += 1;
            *count <= ALIKE
        }),
        _ => true,
    }
}

/// Names the schema in every line that `work` logs. Lines at level info are for a start that migrates a single schema: of many, they
/// are written with those at level debug, and the same warning is written for three.
pub(crate) async fn within<T>(schema: &str, work: impl Future<Output = T>) -> T {
    let schema: Rc<str> = schema.into();
    let mut work = Box::pin(work);
    std::future::poll_fn(|context| {
        let before = SCHEMA.replace(Some(Rc::clone(&schema)));
        let polled = work.as_mut().poll(context);
        SCHEMA.set(before);
        polled
    })
    .await
}

/// Interval of the log lines of a step that still waits.
pub(crate) const HEARTBEAT: Duration = Duration::from_secs(10);

/// The log goes to a terminal, as text, at level info or below.
static WATCHED: AtomicBool = AtomicBool::new(false);

/// True where a progress bar makes sense: not for each of many schemas.
pub(crate) fn is_watched() -> bool {
    WATCHED.load(Ordering::Relaxed) && SCHEMA.with_borrow(Option::is_none)
}

/// stderr; a progress bar on it is taken off for the time of a write.
#[derive(Debug)]
struct Stderr;

impl Write for Stderr {
    /// Ignores errors: a closed pipe or a full disk must not stop a migration.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let _ = progress_bar::aside(|| io::stderr().write_all(line));
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let _ = io::stderr().flush();
        Ok(())
    }
}

/// Starts logging; a second call does nothing.
pub(crate) fn start(level: LogLevel, format: LogFormat) {
    let level = match level {
        LogLevel::Error => tracing::Level::ERROR,
        LogLevel::Warn => tracing::Level::WARN,
        LogLevel::Info => tracing::Level::INFO,
        LogLevel::Debug => tracing::Level::DEBUG,
        LogLevel::Trace => tracing::Level::TRACE,
    };
    let quiet = matches!(level, tracing::Level::ERROR | tracing::Level::WARN);
    let on_terminal = io::stderr().is_terminal();
    WATCHED.store(format == LogFormat::Text && !quiet && on_terminal, Ordering::Relaxed);
    let _ = tracing_subscriber::fmt()
        .with_writer(|| Stderr)
        .with_max_level(level)
        .log_internal_errors(false)
        .event_format(LineFormat { format, on_terminal, is_detailed: level >= tracing::Level::DEBUG })
        .try_init();
}

/// `1.2s`, `350ms`: a duration for people.
pub(crate) fn seconds(duration: Duration) -> String {
    let rounded = Duration::from_millis(millis(duration));
    if rounded >= Duration::from_secs(10) {
        return humantime::format_duration(Duration::from_secs(rounded.as_secs())).to_string();
    }
    if rounded >= Duration::from_secs(1) {
        return format!("{:.1}s", rounded.as_secs_f64());
    }
    format!("{}ms", rounded.as_millis())
}

/// `1,000`: a number for people.
pub(crate) fn number(count: usize) -> String {
    let digits = count.to_string();
    let groups: Vec<&str> = digits.as_bytes().rchunks(3).rev().filter_map(|group| str::from_utf8(group).ok()).collect();
    groups.join(",")
}

/// `1.2 GiB`: bytes for people.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    #[expect(clippy::cast_precision_loss, reason = "two digits are shown")]
    let mut value = bytes as f64 / 1024.0;
    let mut unit = 0;
    while value >= 1000.0 && unit < UNITS.len() - 1 {
        (value, unit) = (value / 1024.0, unit + 1);
    }
    if value < 10.0 && unit > 0 { format!("{value:.1} {}", UNITS[unit]) } else { format!("{value:.0} {}", UNITS[unit]) }
}

/// Whole milliseconds, for the `…_ms` fields.
pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[derive(Debug)]
struct LineFormat {
    format: LogFormat,
    /// Times are for people: to the second.
    on_terminal: bool,
    /// Lines at level debug are written.
    is_detailed: bool,
}

impl<S, N> FormatEvent<S, N> for LineFormat
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _context: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        if !event.metadata().target().starts_with(env!("CARGO_PKG_NAME")) {
            return Ok(());
        }
        let mut fields = Fields { format: self.format, all: Map::new() };
        event.record(&mut fields);
        let now = SystemTime::now();
        let level = event.metadata().level();
        if let Some(schema) = SCHEMA.with_borrow(Option::clone) {
            if !self.is_detailed && !is_told(*level, fields.all.get("message").and_then(Value::as_str)) {
                return Ok(());
            }
            fields.within(&schema);
        }
        match self.format {
            LogFormat::Json => {
                let mut line = Map::new();
                line.insert("time".into(), humantime::format_rfc3339_millis(now).to_string().into());
                line.insert("level".into(), level.as_str().to_ascii_lowercase().into());
                line.append(&mut fields.all);
                writeln!(writer, "{}", neutral::json(&Value::Object(line).to_string()))
            }
            LogFormat::Text if self.on_terminal => {
                let time = humantime::format_rfc3339_seconds(now).to_string().replace('T', " ");
                text(&mut writer, &time, level.as_str(), &fields.all, |message| time::in_text(message, now))
            }
            LogFormat::Text => {
                let time = humantime::format_rfc3339_millis(now).to_string();
                text(&mut writer, &time, level.as_str(), &fields.all, str::to_owned)
            }
        }
    }
}

/// The fields that a line of text has: the name of the event and the others are for machines; the message has all of it for people.
const IN_TEXT: [&str; 2] = ["phase", "message"];

/// `2026-11-21T09:00:00.123Z INFO  wait: ready after 1.2s`; `shown` turns the message into what is written.
fn text(
    writer: &mut Writer<'_>,
    time: &str,
    level: &str,
    fields: &Map<String, Value>,
    shown: impl Fn(&str) -> String,
) -> fmt::Result {
    write!(writer, "{time} {level:<5} ")?;
    if let Some(phase) = fields.get("phase").and_then(Value::as_str) {
        write!(writer, "{phase}: ")?;
    }
    let message = fields.get("message").and_then(Value::as_str).unwrap_or_default();
    writeln!(writer, "{}", neutral::text(&shown(message)).replace('\n', "\n    "))
}

/// Collects an event's fields, for a line of text those that it has; a name with a dot (`steps.wait`) becomes a nested object.
#[derive(Debug)]
struct Fields {
    format: LogFormat,
    all: Map<String, Value>,
}

impl Fields {
    /// Adds the schema that they are about: to the message, for people.
    fn within(&mut self, schema: &str) {
        if self.format == LogFormat::Json {
            self.all.insert("schema".to_owned(), schema.into());
        } else if let Some(Value::String(message)) = self.all.get_mut("message") {
            *message = format!("{schema}: {message}");
        }
    }

    fn put(&mut self, field: &Field, value: impl Into<Value>) {
        if self.format == LogFormat::Text && !IN_TEXT.contains(&field.name()) {
            return;
        }
        let value = value.into();
        match field.name().split_once('.') {
            None => {
                self.all.insert(field.name().to_owned(), value);
            }
            Some((outer, inner)) => {
                let object = self.all.entry(outer).or_insert_with(|| Value::Object(Map::new()));
                if let Value::Object(object) = object {
                    object.insert(inner.to_owned(), value);
                }
            }
        }
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_written_for_people() {
        assert_eq!(seconds(Duration::from_millis(7)), "7ms");
        assert_eq!(seconds(Duration::from_millis(1234)), "1.2s");
        assert_eq!(seconds(Duration::from_secs(125)), "2m 5s");
    }

    #[test]
    fn numbers_are_written_for_people() {
        for (count, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (12_345_678, "12,345,678")] {
            assert_eq!(number(count), text);
        }
    }

    #[test]
    fn sizes_are_short() {
        let sizes = [0, 8192, 1 << 20, 1_288_490_189, 400 << 30].map(size);
        assert_eq!(sizes, ["0 KiB", "8 KiB", "1.0 MiB", "1.2 GiB", "400 GiB"]);
    }

    #[test]
    fn the_same_warning_is_told_of_three_schemas() {
        let told: Vec<bool> = (0..5).map(|_| is_told(tracing::Level::WARN, Some("edited"))).collect();
        assert_eq!(told, [true, true, true, false, false]);
        assert!(is_told(tracing::Level::WARN, Some("another")) && is_told(tracing::Level::ERROR, Some("edited")));
        assert!(!is_told(tracing::Level::INFO, Some("applied")));
    }
}
