//! What the admin API can do, for people: made of the same description that programs read.

use askama::Template;
use axum::response::Response;
use serde_json::Value;

use super::page::{Frame, Refusal, Visit, show};
use crate::api::openapi::{description, operations};

#[derive(Debug, Template)]
#[template(path = "api.html")]
pub(super) struct ApiPage {
    frame: Frame,
    about: Vec<String>,
    sections: Vec<Section>,
    schemas: Vec<Schema>,
}

/// Operations of one kind.
#[derive(Debug)]
struct Section {
    name: String,
    about: String,
    operations: Vec<Operation>,
}

#[derive(Debug)]
struct Operation {
    id: String,
    method: String,
    path: String,
    summary: String,
    /// The scope that it needs; none when it needs no token.
    scope: Option<String>,
    parameters: Vec<Field>,
    body: Option<Kind>,
    answers: Vec<Answer>,
}

#[derive(Debug)]
struct Answer {
    status: String,
    words: String,
    kind: Option<Kind>,
}

/// A parameter, or a member of an object.
#[derive(Debug)]
struct Field {
    name: String,
    /// Where a parameter stands: `path`, `query` or `header`.
    place: String,
    required: bool,
    kind: Kind,
    words: String,
}

/// What a value is, in words, and the schema that says more.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Kind {
    before: String,
    schema: Option<String>,
    after: String,
}

#[derive(Debug)]
struct Schema {
    name: String,
    words: String,
    /// What it is when it is no object.
    kind: Option<Kind>,
    /// Schemas whose members it has too.
    with: Vec<Kind>,
    fields: Vec<Field>,
    /// What it can be, when it is one of several things.
    choices: Vec<(Kind, String)>,
}

impl ApiPage {
    #[cfg(test)]
    pub(super) fn sample() -> Self {
        Self::of(Frame::sample()).unwrap()
    }

    fn of(frame: Frame) -> anyhow::Result<Self> {
        let openapi = description();
        let whole = serde_json::to_value(openapi)?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let mut sections: Vec<Section> = array(&whole["tags"])
            .iter()
            .map(|tag| Section {
                name: text(&tag["name"]),
                about: text(&tag["description"]),
                operations: Vec::new(),
            })
            .collect();
        for (path, item) in &openapi.paths.paths {
            for (method, _) in operations(item) {
                let value = &whole["paths"][path][method.as_str().to_lowercase()];
                let tag = text(&value["tags"][0]);
                if let Some(section) = sections.iter_mut().find(|section| section.name == tag) {
                    section.operations.push(operation(method.as_str(), path, value));
                }
            }
        }
        let schemas = whole["components"]["schemas"].as_object();
        let schemas = schemas.into_iter().flatten().map(|(name, value)| schema(name, value));
        Ok(Self {
            frame,
            about: text(&whole["info"]["description"]).split("\n\n").map(str::to_owned).collect(),
            sections,
            schemas: schemas.collect(),
        })
    }
}

pub(super) async fn show_api(visit: Visit) -> Result<Response, Refusal> {
    show(&ApiPage::of(visit.frame("API", "api"))?)
}

fn array(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn operation(method: &str, path: &str, value: &Value) -> Operation {
    let parameters = array(&value["parameters"]).iter().map(|parameter| Field {
        name: text(&parameter["name"]),
        place: text(&parameter["in"]),
        required: parameter["required"] == true,
        kind: kind(&parameter["schema"]),
        words: text(&parameter["description"]),
    });
    let answers =
        value["responses"].as_object().into_iter().flatten().map(|(status, answer)| Answer {
            status: status.clone(),
            words: text(&answer["description"]),
            kind: content(answer),
        });
    Operation {
        id: text(&value["operationId"]),
        method: method.to_owned(),
        path: path.to_owned(),
        summary: [text(&value["summary"]), text(&value["description"])].join(" ").trim().to_owned(),
        scope: value["security"][0]["bearer"][0].as_str().map(str::to_owned),
        parameters: parameters.collect(),
        body: content(&value["requestBody"]),
        answers: answers.collect(),
    }
}

/// What a body is.
fn content(value: &Value) -> Option<Kind> {
    let (_, content) = value["content"].as_object()?.iter().next()?;
    Some(kind(&content["schema"]))
}

fn schema(name: &str, value: &Value) -> Schema {
    let mut parts: Vec<&Value> = vec![value];
    parts.extend(array(&value["allOf"]));
    let with = parts.iter().filter(|part| part["$ref"].is_string()).map(|part| kind(part));
    let fields = parts.iter().flat_map(|part| fields(part)).collect::<Vec<_>>();
    let choices = [&value["oneOf"], &value["anyOf"]].into_iter().flat_map(array);
    let choices: Vec<_> =
        choices.map(|choice| (kind(choice), text(&choice["description"]))).collect();
    let plain = fields.is_empty() && choices.is_empty() && array(&value["allOf"]).is_empty();
    Schema {
        name: name.to_owned(),
        words: text(&value["description"]),
        kind: plain.then(|| kind(value)),
        with: with.collect(),
        fields,
        choices,
    }
}

fn fields(value: &Value) -> Vec<Field> {
    let required = array(&value["required"]);
    let properties = value["properties"].as_object().into_iter().flatten();
    let field = |(name, property): (&String, &Value)| Field {
        name: name.clone(),
        place: String::new(),
        required: required.iter().any(|required| required.as_str() == Some(name)),
        kind: kind(property),
        words: text(&property["description"]),
    };
    properties.map(field).collect()
}

fn plain(text: impl Into<String>) -> Kind {
    Kind { before: text.into(), ..Kind::default() }
}

/// What a schema says in words.
fn kind(schema: &Value) -> Kind {
    if let Some(name) = schema["$ref"].as_str() {
        let name = name.rsplit('/').next().map(str::to_owned);
        return Kind { schema: name, ..Kind::default() };
    }
    if let Some(values) = schema["enum"].as_array() {
        let values: Vec<_> =
            values.iter().map(|value| format!("\u{201c}{}\u{201d}", text(value))).collect();
        return plain(values.join(", "));
    }
    for several in ["oneOf", "anyOf", "allOf"] {
        let all = array(&schema[several]);
        let (none, some): (Vec<_>, Vec<_>) = all.iter().partition(|one| one["type"] == "null");
        if let [one] = some[..] {
            let mut kind = kind(one);
            kind.after.push_str(if none.is_empty() { "" } else { " or null" });
            return kind;
        }
        if !some.is_empty() {
            return plain("one of several");
        }
    }
    match &schema["type"] {
        Value::Array(kinds) => {
            let kinds: Vec<_> = kinds.iter().filter_map(Value::as_str).collect();
            plain(kinds.join(" or "))
        }
        Value::String(of) if of == "array" => {
            let mut kind = kind(&schema["items"]);
            kind.before.insert_str(0, "list of ");
            kind
        }
        Value::String(of) if of == "object" => object(schema),
        Value::String(of) => plain(of.as_str()),
        _ => plain("anything"),
    }
}

fn object(schema: &Value) -> Kind {
    if schema["additionalProperties"].is_object() {
        let mut kind = kind(&schema["additionalProperties"]);
        kind.before.insert_str(0, "object of ");
        return kind;
    }
    let members: Vec<_> =
        fields(schema).iter().map(|field| format!("\u{201c}{}\u{201d}", field.name)).collect();
    if members.is_empty() {
        plain("object")
    } else {
        plain(format!("object with {}", members.join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn schemas_are_said_in_words() {
        let reference = json!({"$ref": "#/components/schemas/Rules"});
        let said = |schema: Value| {
            let Kind { before, schema, after } = kind(&schema);
            format!("{before}{}{after}", schema.unwrap_or_default())
        };
        assert_eq!(said(json!({"type": "array", "items": reference})), "list of Rules");
        assert_eq!(said(json!({"oneOf": [{"type": "null"}, reference]})), "Rules or null");
        assert_eq!(said(json!({"type": ["string", "null"]})), "string or null");
        assert_eq!(
            said(json!({"type": "object", "additionalProperties": {"type": "string"}})),
            "object of string"
        );
        assert_eq!(said(json!({})), "anything");
    }
}
