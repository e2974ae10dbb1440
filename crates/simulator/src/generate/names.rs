//! The words that generated people and groups are named with.
//!
//! Invariant: the numbers of given names and surnames are powers of two, which `people.rs` relies on for unique logins.

pub(super) const GIVEN: [&str; 64] = [
    "Ann", "Ben", "Carla", "David", "Elena", "Farid", "Grace", "Hugo", "Ines", "Jakub", "Karin",
    "Liam", "Maja", "Noah", "Olga", "Pedro", "Quinn", "Rosa", "Sven", "Tara", "Umar", "Vera",
    "Wim", "Xenia", "Yusuf", "Zoe", "Björn", "Chloé", "Dagný", "Émile", "François", "Gülşen",
    "Håkon", "Íris", "Jürgen", "Kateřina", "Łukasz", "Márta", "Niamh", "Øystein", "Paulo",
    "Renée", "Søren", "Tomáš", "Urška", "Václav", "Wanda", "Yvonne", "Zoltán", "Aisha", "Bruno",
    "Dmitri", "Esther", "Fatima", "Georg", "Hannah", "Igor", "Jean-Luc", "Kim", "Leila", "Mary Jo",
    "Nikolai", "Oscar", "Priya",
];

pub(super) const SURNAMES: [&str; 128] = [
    "Adams", "Baker", "Clark", "Davies", "Evans", "Foster", "Green", "Hill", "Irwin", "Jones",
    "King", "Lewis", "Moore", "Nelson", "Owen", "Parker", "Reed", "Smith", "Turner", "Underwood",
    "Vance", "Walker", "Young", "Zimmer", "O'Brien", "O'Neill", "D'Angelo", "Van den Berg",
    "De la Cruz", "Smith-Jones", "Müller", "Schröder", "Größe", "Nuñez", "García", "Fernández",
    "López", "Martínez", "Šimić", "Dvořák", "Novák", "Černý", "Kowalski", "Wiśniewska", "Wójcik",
    "Łęcki", "Nagy", "Szabó", "Tóth", "Kovács", "Hansen", "Sørensen", "Jørgensen", "Åkesson",
    "Lindström", "Öberg", "Järvinen", "Mäkelä", "Rossi", "Bianchi", "Ferrari", "Esposito",
    "Dubois", "Lefèvre", "Moreau", "Gauthier", "Peeters", "Janssens", "Visser", "Bakker", "Mulder",
    "Popescu", "Ionescu", "Petrov", "Ivanova", "Sokolov", "Kuznetsova", "Papadopoulos", "Yilmaz",
    "Demir", "Şahin", "Çelik", "Khan", "Ahmed", "Hussain", "Patel", "Sharma", "Singh", "Gupta",
    "Iyer", "Chen", "Wang", "Li", "Zhang", "Nguyen", "Tran", "Kim", "Park", "Choi", "Tanaka",
    "Suzuki", "Sato", "Silva", "Santos", "Oliveira", "Souza", "Costa", "Okafor", "Adeyemi",
    "Mensah", "Diallo", "Traoré", "Abebe", "Mwangi", "Dlamini", "Cohen", "Levi", "Haddad",
    "Nasser", "Rahman", "Begum", "Ali", "Mac Giolla", "Nic Dhonnchadha", "St. John", "Ó Súilleabháin",
    "von Hohenstein", "Þórsson",
];

/// Names outside the Latin script or with signs that break careless code: given, surname, display.
pub(super) const AWKWARD: [(&str, &str, &str); 12] = [
    ("محمد", "العربي", "محمد العربي"),
    ("דוד", "כהן", "דוד כהן"),
    ("伟", "王", "王伟"),
    ("さくら", "田中", "田中 さくら"),
    ("Дмитрий", "Шостакович", "Дмитрий Шостакович"),
    ("Ann", "Party", "Ann 🎉 Party"),
    ("Zoe", "Family", "👩‍👩‍👧‍👦 Zoe Family"),
    ("Re\u{301}mi", "Decomposed", "Re\u{301}mi Decomposed"),
    ("Back\\slash", "Quote\"d", "Back\\slash \"Quote\"d"),
    ("<b>Bold</b>", "& Co", "<b>Bold</b> & Co"),
    ("Tab\tbed", "Zero\u{200b}Width", "Tab\tbed Zero\u{200b}Width"),
    ("\u{202e}Right", "ToLeft", "\u{202e}Right ToLeft"),
];

pub(super) const DEPARTMENTS: [&str; 16] = [
    "Engineering", "Research", "Sales", "Marketing", "Finance", "Legal", "People", "Support",
    "Operations", "Quality", "Procurement", "Logistics", "Security", "Facilities", "Design", "Data",
];

pub(super) const JOBS: [&str; 16] = [
    "Engineer", "Senior Engineer", "Manager", "Director", "Analyst", "Consultant", "Technician",
    "Assistant", "Architect", "Team Lead", "Designer", "Scientist", "Clerk", "Counsel", "Buyer",
    "Vice President",
];

pub(super) const OFFICES: [&str; 8] =
    ["Berlin", "Boston", "Dublin", "Kraków", "London", "Pune", "São Paulo", "Sydney"];

pub(super) const THINGS: [&str; 16] = [
    "Team", "Project", "Readers", "Writers", "Admins", "Guild", "Release", "On-call", "Reviewers",
    "Licence", "Board", "Committee", "Site", "Programme", "Pilot", "Alumni",
];

/// Spells a name with ASCII letters for use in a login.
pub(super) fn fold(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for sign in name.chars() {
        match sign {
            'a'..='z' | '0'..='9' | '-' | '\'' => out.push(sign),
            'A'..='Z' => out.push(sign.to_ascii_lowercase()),
            'á' | 'Á' | 'ã' | 'ą' => out.push('a'),
            'å' | 'Å' => out.push_str("aa"),
            'ä' | 'Ä' => out.push_str("ae"),
            'ç' | 'Ç' | 'č' | 'Č' | 'ć' => out.push('c'),
            'é' | 'É' | 'è' | 'ę' | 'ě' => out.push('e'),
            'í' | 'Í' => out.push('i'),
            'ł' | 'Ł' => out.push('l'),
            'ñ' => out.push('n'),
            'ó' | 'Ó' => out.push('o'),
            'ö' | 'Ö' | 'ø' | 'Ø' => out.push_str("oe"),
            'ř' => out.push('r'),
            'ş' | 'Ş' | 'š' | 'Š' | 'ś' => out.push('s'),
            'ß' => out.push_str("ss"),
            'ü' | 'Ü' => out.push_str("ue"),
            'ú' => out.push('u'),
            'ý' => out.push('y'),
            'ž' => out.push('z'),
            'þ' | 'Þ' => out.push_str("th"),
            _ => {}
        }
    }
    out
}
