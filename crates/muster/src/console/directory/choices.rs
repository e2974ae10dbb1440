//! Choices of groups as lines of text: what a form shows and takes.
//!
//! Invariant: reading what was written gives the same choices.

use directory::{
    id::ProviderId,
    rules::{choice::GroupChoice, expression::Expression},
};

/// One choice a line: a name, a pattern with `*` or `?`, or what `regex:`, `id:`, `name:` and `expression:` say.
pub(super) fn read(lines: &str) -> Result<Vec<GroupChoice>, String> {
    lines.lines().map(str::trim).filter(|line| !line.is_empty()).map(choice).collect()
}

fn choice(line: &str) -> Result<GroupChoice, String> {
    let said = line.split_once(':').map(|(kind, rest)| (kind, rest.trim().to_owned()));
    Ok(match said {
        Some(("name", name)) => GroupChoice::Name(name),
        Some(("pattern", pattern)) => GroupChoice::Pattern(pattern),
        Some(("regex", regex)) => GroupChoice::Regex(regex),
        Some(("expression", expression)) => GroupChoice::Expression(Expression(expression)),
        Some(("id", id)) => {
            let id = ProviderId::parse(&id);
            GroupChoice::Id(id.map_err(|problem| format!("`{line}`: {problem}."))?)
        }
        _ if line.contains(['*', '?']) => GroupChoice::Pattern(line.to_owned()),
        _ => GroupChoice::Name(line.to_owned()),
    })
}

/// One choice a line.
pub(super) fn write(choices: &[GroupChoice]) -> String {
    let lines: Vec<String> = choices.iter().map(line).collect();
    lines.join("\n")
}

fn line(choice: &GroupChoice) -> String {
    let (kind, text) = match choice {
        GroupChoice::Name(name) => ("name", name.clone()),
        GroupChoice::Pattern(pattern) => ("pattern", pattern.clone()),
        GroupChoice::Regex(regex) => ("regex", regex.clone()),
        GroupChoice::Id(id) => ("id", id.to_string()),
        GroupChoice::Expression(expression) => ("expression", expression.0.clone()),
    };
    // Whatever reads back as it is needs no kind.
    match self::choice(&text) {
        Ok(read) if read == *choice => text,
        _ => format!("{kind}: {text}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back() {
        let choices = vec![
            GroupChoice::Name("jira-users".to_owned()),
            GroupChoice::Name("really*".to_owned()),
            GroupChoice::Name("regex: no".to_owned()),
            GroupChoice::Pattern("team-?*".to_owned()),
            GroupChoice::Pattern("plain".to_owned()),
            GroupChoice::Regex("^(a|b)$".to_owned()),
            GroupChoice::Id(ProviderId::parse("11111111-abcd-4000-8000-000000000001").unwrap()),
            GroupChoice::Expression(Expression("group.kind == 'security'".to_owned())),
        ];
        let lines = write(&choices);
        assert!(
            lines.starts_with("jira-users\nname: really*\nname: regex: no\nteam-?*\n"),
            "{lines}"
        );
        assert_eq!(read(&lines), Ok(choices));
        assert_eq!(read("\n  \n"), Ok(Vec::new()));
    }
}
