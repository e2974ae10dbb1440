//! Odd records drawn from a seed: many at once, of every kind.

use serde_json::{Value, json};

use super::{ALL, Seen, Small};

/// SplitMix64.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((x ^ (x >> 31)) % sides as u64) as usize
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.roll(from.len())]
    }

    /// Raw JSON of any kind.
    fn value(&mut self, depth: usize) -> String {
        match self.roll(if depth == 0 { 6 } else { 8 }) {
            0 => self.pick(&["null", "true", "false"]).to_owned(),
            1 => self.pick(&["0", "-1", "1e400", "0.5", "18446744073709551616"]).to_owned(),
            2 => "\"\"".to_owned(),
            3 | 4 => {
                let parts = [
                    "\\ud800", "a", "\u{1}", "\\n", "é", "\u{202e}", "\\u0000", " ", "/", "\\q",
                    "𝕏",
                ];
                let text: String = (0..self.roll(6)).map(|_| self.pick(&parts)).collect();
                format!("\"{text}\"")
            }
            5 => format!("\"{}\"", "x".repeat(self.roll(6_000))),
            6 => {
                let items: Vec<String> = (0..self.roll(4)).map(|_| self.value(depth - 1)).collect();
                format!("[{}]", items.join(","))
            }
            _ => {
                let names = ["id", "value", "type", "reason", "givenName", "login", "primary"];
                let items: Vec<String> = (0..self.roll(4))
                    .map(|_| format!("\"{}\":{}", self.pick(&names), self.value(depth - 1)))
                    .collect();
                format!("{{{}}}", items.join(","))
            }
        }
    }

    fn oddity(&mut self, id: &str) -> Value {
        const FIELDS: [&str; 24] = [
            "id",
            "displayName",
            "accountEnabled",
            "userPrincipalName",
            "mail",
            "proxyAddresses",
            "otherMails",
            "@removed",
            "@odata.type",
            "groupTypes",
            "visibility",
            "primaryEmail",
            "suspended",
            "archived",
            "name",
            "aliases",
            "organizations",
            "status",
            "profile",
            "profile.login",
            "profile.name",
            "type",
            "email",
            "members@delta",
        ];
        let mut set = serde_json::Map::new();
        for _ in 0..=self.roll(3) {
            set.insert(self.pick(&FIELDS).to_owned(), self.value(3).into());
        }
        match self.roll(6) {
            0 => json!({"id": id, "add": set}),
            1 => json!({"id": id, "instead": self.value(2)}),
            _ => json!({"id": id, "set": set}),
        }
    }
}

/// Whatever some records hold, the others are read as they are.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_records_hold_the_others_are_as_they_are() {
    for provider in ALL {
        let small = Small::of(provider).await;
        let plain = small.seen().await;
        let ids: Vec<&String> = plain.people.keys().chain(plain.groups.keys()).collect();
        for seed in 0..40 {
            let mut dice = Dice(seed);
            let odd: Vec<&String> = (0..6).map(|_| dice.pick(&ids)).collect();
            let oddities: Vec<Value> = odd.iter().map(|id| dice.oddity(id)).collect();
            let case = format!("{provider:?} seed {seed}: {}", json!(oddities));
            small.tenant.control("POST", "odd", json!(oddities)).await;
            let observation =
                small.tenant.connector().pull(None, &connect::Progress::default()).await;
            let observation = observation.unwrap_or_else(|error| panic!("{error}\n{case}"));
            let seen = Seen::of(&observation);
            let (mut seen, mut rest) = (seen.without(""), plain.clone());
            for id in odd {
                (seen, rest) = (seen.without(id), rest.without(id));
            }
            // A record may take any id that could be one.
            for one in [&mut seen, &mut rest] {
                one.people.retain(|id, _| plain.people.contains_key(id));
                one.groups.retain(|id, _| plain.groups.contains_key(id));
                one.members.retain(|id, _| plain.groups.contains_key(id));
                one.members.values_mut().for_each(|set| {
                    set.retain(|id| plain.people.contains_key(id) || plain.groups.contains_key(id));
                });
            }
            seen.assert_is(&rest, &case);
            small.sane().await;
        }
    }
}
