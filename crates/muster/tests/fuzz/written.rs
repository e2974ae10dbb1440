//! A search written as XML, as JSON and as CQL, each time a little differently.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::{
    chance::Chance,
    search::{Search, pattern},
};

/// As an XML body; what is between elements, their order and their spelling vary.
pub(crate) fn xml(chance: &mut Chance, search: &Search) -> String {
    let mut parts = match search {
        Search::Everything => return "<null-search-restriction/>".to_owned(),
        Search::Leaf { property, mode, value } => {
            let kind = kind(property);
            let mut inner = vec![element(chance, "name", property), element(chance, "type", kind)];
            chance.shuffle(&mut inner);
            let mode_spelled = any_case(chance, mode);
            let mut parts = vec![
                format!("<property>{}</property>", inner.concat()),
                element(chance, "match-mode", &mode_spelled),
            ];
            if *mode != "NULL" || chance.once_in(2) {
                parts.push(element(chance, "value", value));
            }
            if chance.once_in(5) {
                parts.push("<link href=\"http://x/?a&amp;b\" rel='self'/>".to_owned());
            }
            parts
        }
        Search::Many { all, parts } => {
            let logic = any_case(chance, if *all { "and" } else { "or" });
            let mut inner = String::new();
            for part in parts {
                inner.push_str(&xml(chance, part));
                inner.push_str(gap(chance));
            }
            let open = "boolean-search-restriction";
            let list = format!("{}<restrictions>{inner}</restrictions>", gap(chance));
            return format!("<{open} boolean-logic = '{logic}'>{list}{}</{open}\n>", gap(chance));
        }
    };
    chance.shuffle(&mut parts);
    let gap = gap(chance);
    format!("<property-search-restriction>{gap}{}</property-search-restriction>", parts.join(gap))
}

fn gap(chance: &mut Chance) -> &'static str {
    chance.pick(&["", "", " ", "\n\t", "<!-- <a> & -->", "<?pi x?>"])
}

fn element(chance: &mut Chance, name: &str, text: &str) -> String {
    if text.is_empty() && chance.once_in(2) {
        return format!("<{name}/>");
    }
    if chance.once_in(4) && !text.contains('\r') {
        return format!("<{name}><![CDATA[{}]]></{name}>", text.replace("]]>", "]]]]><![CDATA[>"));
    }
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' if chance.once_in(2) => escaped.push_str("&quot;"),
            '\r' => escaped.push_str("&#13;"),
            c if chance.once_in(8) => write!(escaped, "&#x{:x};", c as u32).unwrap(),
            c => escaped.push(c),
        }
    }
    format!("<{name}>{escaped}</{name}>")
}

/// As a JSON body.
pub(crate) fn json(chance: &mut Chance, search: &Search) -> Value {
    match search {
        Search::Everything => json!({"restriction-type": "null-search-restriction"}),
        Search::Leaf { property, mode, value } => {
            let mut leaf = json!({
                "restriction-type": "property-search-restriction",
                "property": {"name": property, "type": kind(property), "link": null},
                "match-mode": any_case(chance, mode),
            });
            if *mode != "NULL" || chance.once_in(2) {
                leaf["value"] = match value.as_str() {
                    "true" => Value::Bool(true),
                    "2024" | "9" => json!(value.parse::<u32>().unwrap()),
                    text => Value::String(text.to_owned()),
                };
            }
            leaf
        }
        Search::Many { all, parts } => {
            let parts: Vec<Value> = parts.iter().map(|part| json(chance, part)).collect();
            let logic = any_case(chance, if *all { "and" } else { "or" });
            json!({
                "restriction-type": "boolean-search-restriction",
                "boolean-logic": logic,
                "restrictions": parts,
            })
        }
    }
}

fn kind(property: &str) -> &'static str {
    match property {
        "active" | "local" => "BOOLEAN",
        "createdDate" | "updatedDate" => "DATE",
        _ => "STRING",
    }
}

fn any_case(chance: &mut Chance, word: &str) -> String {
    match chance.below(3) {
        0 => word.to_ascii_lowercase(),
        1 => word.to_ascii_uppercase(),
        _ => word.to_owned(),
    }
}

/// As CQL, with how deep its parentheses nest; the leaves' modes are those that CQL has.
pub(crate) fn cql(chance: &mut Chance, search: &Search, inside_and: bool) -> (String, usize) {
    let (text, deep, mixes) = match search {
        Search::Everything => ("name = '*'".to_owned(), 0, false),
        Search::Leaf { property, mode, value } => {
            let operator = match *mode {
                "LESS_THAN" => "<",
                "GREATER_THAN" => ">",
                _ => "=",
            };
            let pattern = pattern(mode, value);
            let space = chance.pick(&["", " ", "\t "]);
            (format!("{property}{space}{operator}{space}{}", word(chance, &pattern)), 0, false)
        }
        Search::Many { all, parts } => {
            let mut deepest = 0;
            let mut texts = Vec::new();
            // A part that is alone stands where the whole stands.
            let tight = if parts.len() > 1 { *all } else { inside_and };
            for part in parts {
                let (text, deep) = cql(chance, part, tight);
                deepest = deepest.max(deep);
                texts.push(text);
            }
            let keyword = any_case(chance, if *all { "and" } else { "or" });
            (texts.join(&format!(" {keyword} ")), deepest, !*all && parts.len() > 1)
        }
    };
    // `or` binds less closely than `and`.
    if (mixes && inside_and) || chance.once_in(4) {
        (format!("({text})"), deep + 1)
    } else {
        (text, deep)
    }
}

fn word(chance: &mut Chance, text: &str) -> String {
    let special = |c: char| c.is_whitespace() || c.is_control() || "\"'=!<>(),[]|&\\".contains(c);
    let quote = chance.pick(&["\"", "'"]);
    let bare = !text.is_empty() && !text.chars().any(special) && chance.once_in(2);
    if bare {
        return text.to_owned();
    }
    let mut written = String::new();
    for c in text.chars() {
        match c {
            '\t' => written.push_str("\\t"),
            '\n' => written.push_str("\\n"),
            '\r' => written.push_str("\\r"),
            '"' | '\'' | '\\' => written.extend(['\\', c]),
            c if (c as u32) < 0x1_0000 && chance.once_in(8) => {
                write!(written, "\\u{:04x}", c as u32).unwrap();
            }
            c => written.push(c),
        }
    }
    format!("{quote}{written}{quote}")
}
