//! A match in, the exception that hides it out: none, unless its conditions hold for certain.
//!
//! Conditions are those of rules, read the other way round. A rule is asked if it *may* match; an exception hides only
//! what it *surely* speaks of. What is not understood, not there or not known hides nothing. Separate from the index of
//! rules because it is asked after the verdict, about few records.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

use time::Date;
use time::format_description::well_known::Iso8601;

use super::Scratch;
use super::evaluate::Evaluation;
use super::outcome::Outcomes;
use super::program::{Builder, NodeId, Program};
use super::project::project;
use crate::error::SetupError;
use crate::json;
use crate::rulepack::{Exception, Rulepack};

/// The exceptions of a pack. Shared by threads.
pub(crate) struct Exceptions {
    program: Program,
    /// By exception, as the pack has them.
    all: Vec<Known>,
    /// By rule, its exceptions in the order of the file: the first that hides a match is told.
    by_rule: BTreeMap<u32, Vec<u32>>,
}

struct Known {
    expires: Date,
    when: Vec<(NodeId, Vec<Network>)>,
}

struct Network {
    address: IpAddr,
    bits: u8,
}

impl Exceptions {
    /// Takes over the exceptions of the pack.
    pub(crate) fn new(pack: &Rulepack) -> Result<Self, SetupError> {
        let path = || pack.path.display().to_string();
        let of = |exception: &Exception, reason: String| SetupError::Pack {
            path: path(),
            reason: format!(
                "exception `{}`: {reason}; compile the rules again with this version of iota",
                exception.id
            ),
        };
        let indexes: HashMap<&str, u32> = pack.rules.iter().map(|rule| &*rule.id).zip(0..).collect();
        let mut builder = Builder::new();
        let (mut all, mut by_rule) = (Vec::new(), BTreeMap::<u32, Vec<u32>>::new());
        for (index, exception) in (0..).zip(&pack.exceptions) {
            all.push(Known::of(exception, &mut builder).map_err(|reason| of(exception, reason))?);
            for id in &exception.rules {
                let rule = indexes.get(&**id).ok_or_else(|| of(exception, format!("there is no rule `{id}`")))?;
                by_rule.entry(*rule).or_default().push(index);
            }
        }
        Ok(Self { program: builder.build(), all, by_rule })
    }

    /// The exception that hides a match of `rule` on a record, today.
    pub(crate) fn hides(&self, scratch: &mut Scratch, record: &[u8], rule: u32, today: Date) -> Option<u32> {
        let candidates = self.by_rule.get(&rule)?;
        let Scratch { slots, memo, .. } = scratch;
        project(&self.program.paths, slots, record)?;
        memo.next_round(self.program.nodes.len());
        let mut evaluation = Evaluation::new(&self.program, record, slots, memo);
        candidates.iter().copied().find(|&at| {
            let known = &self.all[at as usize];
            today < known.expires
                && known.when.iter().any(|(condition, networks)| {
                    evaluation.outcomes(*condition) == Outcomes::T && (networks.is_empty() || is_from(record, networks))
                })
        })
    }

    /// Those that apply no more.
    pub(crate) fn expired(&self, today: Date) -> impl Iterator<Item = u32> {
        (0..).zip(&self.all).filter(move |(_, known)| today >= known.expires).map(|(at, _)| at)
    }
}

impl Known {
    fn of(exception: &Exception, builder: &mut Builder) -> Result<Self, String> {
        let expires = Date::parse(&exception.expires, &Iso8601::DATE)
            .map_err(|error| format!("`expires` is `{}`: {error}", exception.expires))?;
        let mut when = Vec::new();
        for one in &exception.when {
            let networks = one.source_ip.iter().map(|text| Network::of(text)).collect::<Result<_, _>>()?;
            when.push((builder.condition(one.condition.get())?, networks));
        }
        Ok(Self { expires, when })
    }
}

impl Network {
    fn of(text: &str) -> Result<Self, String> {
        let read = || {
            let (address, bits) = text.split_once('/')?;
            let address: IpAddr = address.parse().ok()?;
            let bits = bits.parse().ok().filter(|&bits| (1..=width(address)).contains(&bits))?;
            Some(Self { address, bits })
        };
        read().ok_or_else(|| format!("`{text}` is no network"))
    }

    fn holds(&self, address: IpAddr) -> bool {
        let shift = u32::from(width(self.address) - self.bits);
        match (self.address, address) {
            (IpAddr::V4(own), IpAddr::V4(other)) => own.to_bits() >> shift == other.to_bits() >> shift,
            (IpAddr::V6(own), IpAddr::V6(other)) => own.to_bits() >> shift == other.to_bits() >> shift,
            _ => false,
        }
    }
}

fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// True if the record surely says that its address lies in one of the networks. A key that is there twice, or is written
/// in another way, makes that uncertain.
fn is_from(record: &[u8], networks: &[Network]) -> bool {
    let mut found = None;
    for (key, value) in json::Members::of(record) {
        if key.contains(&b'\\') || (key.eq_ignore_ascii_case(b"sourceIPAddress") && found.replace(value).is_some()) {
            return false;
        }
    }
    let address = found.and_then(json::text).and_then(|text| text.parse().ok());
    address.is_some_and(|address| networks.iter().any(|network| network.holds(address)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(networks: &[&str], address: &str, expected: bool) {
        let networks: Vec<_> = networks.iter().map(|text| Network::of(text).expect("a network")).collect();
        let record = format!(r#"{{"eventName":"X","sourceIPAddress":{address}}}"#);
        assert_eq!(is_from(record.as_bytes(), &networks), expected, "{record}");
    }

    #[test]
    fn addresses_are_compared_bit_by_bit() {
        check(&["198.51.100.0/24"], r#""198.51.100.255""#, true);
        check(&["198.51.100.0/24"], r#""198.51.101.0""#, false);
        check(&["198.51.100.7/32"], r#""198.51.100.7""#, true);
        check(&["198.51.100.7/32"], r#""198.51.100.6""#, false);
        check(&["128.0.0.0/1"], r#""255.255.255.255""#, true);
        check(&["10.0.0.0/8", "2001:db8::/32"], r#""2001:db8:ffff::1""#, true);
        check(&["2001:db8::/32"], r#""2001:db9::1""#, false);
        check(&["10.0.0.0/8"], r#""::ffff:10.0.0.1""#, false);
    }

    #[test]
    fn what_is_not_surely_an_address_is_from_nowhere() {
        for odd in ["null", "7", r#""""#, r#""AWS Internal""#, r#""010.0.0.1""#, r#""10.0.0.1 ""#, r#"["10.0.0.1"]"#] {
            check(&["10.0.0.0/8"], odd, false);
        }
        check(&["10.0.0.0/8"], r#""10.0.0.1","SOURCEipaddress":"10.0.0.1""#, false);
        check(&["10.0.0.0/8"], r#""10.0.0.1","sourceIPAddres\u0073":"192.0.2.1""#, false);
    }

    #[test]
    fn networks_of_other_forms_are_refused() {
        for text in ["10.0.0.0", "10.0.0.0/0", "10.0.0.0/33", "x/8", "::/129", "10.0.0.0/-1"] {
            assert!(Network::of(text).is_err(), "{text}");
        }
    }
}
