//! For people: a line with the place, why, and the safe way.

use console::Style;

use crate::base::neutral;
use crate::finding::Severity;
use crate::report::annotation::Annotated;
use crate::report::text::Screen;

/// The whole report.
#[must_use]
pub(crate) fn render(annotated: &Annotated, screen: Screen) -> String {
    let mut out = String::new();
    for hazard in &annotated.hazards {
        let place = format!("{}:{}:{}", neutral::line(&hazard.file), hazard.line, hazard.column);
        let object = hazard.object.as_deref().map(neutral::line).unwrap_or_default();
        let severity = screen.severity(hazard.severity, &hazard.severity.to_string());
        let head = format!("{}  {severity}  {}  {object}", screen.paint(Style::new().bold(), &place), hazard.rule);
        out += &format!("{}\n", head.trim_end());
        out += &format!("    {}\n", screen.folded(&neutral::line(&hazard.why), "", 4));
        for (index, line) in neutral::text(&hazard.safe_way).lines().enumerate() {
            let label = if index == 0 { "next:" } else { "" };
            out += &format!("    {}\n", format!("{label:<6}{line}").trim_end());
        }
        out.push('\n');
    }
    let worst = annotated.hazards.iter().map(|hazard| hazard.severity).max();
    let verdict = match worst {
        Some(severity) if severity > Severity::Notice => screen.severity(severity, &annotated.verdict()),
        _ => screen.paint(Style::new().green(), &annotated.verdict()),
    };
    out + &verdict + "\n"
}
