//! How a message looks to a webhook: plain JSON, Slack's blocks, or an Adaptive Card for Teams.
//!
//! Slack: <https://api.slack.com/messaging/webhooks>. Teams takes Adaptive Cards in a workflow's webhook:
//! <https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/connectors-using>.

use serde_json::{Value, json};

use super::{Event, Message, Severity};
use crate::safe;

/// Characters of one block of Slack's at the most (3,000 by the vendor).
const SLACK_TEXT_MAX: usize = 2_900;

/// How a message looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// JSON for a program of the administrator's.
    Plain,
    /// For Slack's incoming webhooks.
    Slack,
    /// For a webhook workflow of Teams.
    Teams,
}

impl Shape {
    /// The body that is posted.
    pub fn body(self, message: &Message) -> Value {
        match self {
            Self::Plain => bare(message),
            Self::Slack => slack(message),
            Self::Teams => teams(message),
        }
    }
}

fn bare(message: &Message) -> Value {
    json!({
        "event": message.event,
        "kind": message.kind,
        "severity": message.severity(),
        "alert": message.alert,
        "version": message.version,
        "directory": message.directory,
        "title": message.title,
        "details": message.details,
        "time": jiff::Timestamp::from_millisecond(message.at.0).ok().map(|at| at.to_string()),
    })
}

fn slack(message: &Message) -> Value {
    let headline = safe::slack(&message.headline());
    let details: Vec<String> =
        message.details.iter().map(|line| format!("• {}", safe::slack(line))).collect();
    let details = cut(&details, SLACK_TEXT_MAX);
    // Plain texts know no markup and make no links. Emoji are ours, in the first of them only.
    let section = |text: String, emoji: bool| json!({"type": "section", "text": {"type": "plain_text", "text": text, "emoji": emoji}});
    let mut blocks = vec![section(format!("{} {headline}", sign(message)), true)];
    if !details.is_empty() {
        blocks.push(section(details, false));
    }
    blocks.push(json!({
        "type": "context",
        "elements": [{"type": "plain_text", "text": format!("since {}", message.time())}],
    }));
    // The text is what notifications show.
    json!({"text": headline, "mrkdwn": false, "unfurl_links": false, "blocks": blocks})
}

/// Slack's own names of signs.
fn sign(message: &Message) -> &'static str {
    match message.event {
        Event::Raised if message.severity() == Severity::Notice => ":information_source:",
        Event::Raised => ":warning:",
        Event::Recovered => ":white_check_mark:",
        Event::Test => ":wave:",
    }
}

fn teams(message: &Message) -> Value {
    let colour = match message.event {
        Event::Raised if message.severity() == Severity::Notice => "accent",
        Event::Raised => "attention",
        Event::Recovered => "good",
        Event::Test => "default",
    };
    // A `TextBlock` reads Markdown, with links; a `TextRun` does not.
    let block = |run: Value| json!({"type": "RichTextBlock", "inlines": [run]});
    let run = |text: &str| json!({"type": "TextRun", "text": safe::terminal(text)});
    let mut body = vec![block(json!({
        "type": "TextRun", "text": safe::terminal(&message.headline()), "size": "medium",
        "weight": "bolder", "color": colour,
    }))];
    body.extend(message.details.iter().map(|line| block(run(line))));
    let since = message.time();
    let facts = [("Directory", message.directory.as_str()), ("Since", since.as_str())]
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(title, value)| json!({"title": title, "value": safe::markdown(value)}));
    body.push(json!({"type": "FactSet", "facts": facts.collect::<Vec<_>>()}));
    let card = json!({
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "msteams": {"width": "Full"},
        "body": body,
    });
    json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "contentUrl": null,
            "content": card,
        }],
    })
}

/// As many lines as fit.
fn cut(lines: &[String], chars_max: usize) -> String {
    let mut kept = String::new();
    for line in lines {
        let line = directory::text::line(line, chars_max / 2);
        if kept.chars().count() + line.chars().count() + 2 > chars_max {
            kept.push('…');
            break;
        }
        kept.push_str(&line);
        kept.push('\n');
    }
    kept.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use directory::id::Millis;

    use super::*;
    use crate::{
        alert::Kind,
        safe::tests::{HOSTILE, is_tame},
    };

    fn message(event: Event) -> Message {
        Message {
            event,
            kind: Some(Kind::Held),
            alert: 12,
            version: 2,
            directory: "contoso".to_owned(),
            title: "changes in `contoso` wait for a decision".to_owned(),
            details: vec!["30 of 280 people <would> leave & more".to_owned()],
            at: Millis(1_763_900_000_000),
        }
    }

    #[test]
    fn a_program_gets_everything_in_fields() {
        let body = Shape::Plain.body(&message(Event::Raised));
        assert_eq!(
            body,
            json!({
                "event": "raised", "kind": "held", "severity": "warning", "alert": 12, "version": 2, "directory": "contoso",
                "title": "changes in `contoso` wait for a decision",
                "details": ["30 of 280 people <would> leave & more"],
                "time": "2025-11-23T12:13:20Z",
            })
        );
    }

    #[test]
    fn slack_gets_a_text_for_notifications_and_blocks() {
        let body = Shape::Slack.body(&message(Event::Recovered));
        assert!(body["text"].as_str().unwrap().starts_with("Muster, all right again: changes"));
        let blocks = body["blocks"].as_array().unwrap();
        assert!(blocks[0]["text"]["text"].as_str().unwrap().contains(":white_check_mark:"));
        let text = blocks[1]["text"]["text"].as_str().unwrap();
        assert_eq!(text, "• 30 of 280 people &lt;would&gt; leave &amp; more");
        let mut long = message(Event::Raised);
        long.details = vec!["x".repeat(500); 20];
        let body = Shape::Slack.body(&long);
        let text = body["blocks"][1]["text"]["text"].as_str().unwrap();
        assert!(text.chars().count() <= 3_000 && text.ends_with('…'), "{}", text.len());
    }

    #[test]
    fn teams_gets_an_adaptive_card_in_a_message() {
        let body = Shape::Teams.body(&message(Event::Raised));
        assert_eq!(body["type"], "message");
        let attachment = &body["attachments"][0];
        assert_eq!(attachment["contentType"], "application/vnd.microsoft.card.adaptive");
        let card = &attachment["content"];
        assert_eq!((&card["type"], &card["version"]), (&json!("AdaptiveCard"), &json!("1.4")));
        assert_eq!(card["body"][0]["inlines"][0]["color"], "attention");
        assert_eq!(card["body"][2]["facts"][0]["value"], "contoso");
    }

    /// All texts below a key, with the type of what they stand in.
    fn texts(value: &Value, found: &mut Vec<(String, String)>) {
        match value {
            Value::Object(fields) => {
                let kind = fields.get("type").and_then(Value::as_str).unwrap_or_default();
                for key in ["text", "value"] {
                    if let Some(Value::String(text)) = fields.get(key) {
                        found.push((kind.to_owned(), text.clone()));
                    }
                }
                fields.values().for_each(|value| texts(value, found));
            }
            Value::Array(items) => items.iter().for_each(|value| texts(value, found)),
            _ => {}
        }
    }

    #[test]
    fn hostile_names_are_plain_texts_in_messages() {
        for name in HOSTILE {
            let mut hostile = message(Event::Raised);
            hostile.title = format!("changes in `{name}` wait");
            hostile.details = vec![name.to_owned()];
            name.clone_into(&mut hostile.directory);
            let mut found = Vec::new();
            texts(&Shape::Slack.body(&hostile), &mut found);
            assert_eq!(found.len(), 4);
            for (kind, text) in &found {
                assert!(kind.is_empty() || kind == "plain_text", "{kind}: {text}");
                assert!(text.lines().all(is_tame) && !text.contains(['<', '>']), "{text}");
            }
            found.clear();
            texts(&Shape::Teams.body(&hostile), &mut found);
            for (kind, text) in &found {
                assert!(is_tame(text), "{text}");
                let marked_up = kind != "TextRun" && (text.contains("](") || text.contains("s://"));
                assert!(!marked_up, "{kind}: {text}");
            }
        }
    }
}
