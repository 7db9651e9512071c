//! The shared vectors: conditions, events, and the sets that come out. The compiler's side runs the same.

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use serde::Deserialize;
    use serde_json::value::RawValue;

    use super::super::*;

    #[derive(Deserialize)]
    struct Vector {
        name: String,
        condition: Box<RawValue>,
        event: String,
        outcome: String,
    }

    /// Alone, and as one of many: what others ask for must not change an answer.
    fn got(prefilter: &Prefilter, rule: usize, event: &str) -> String {
        let mut scratch = Scratch::default();
        // A record before this one must not be remembered.
        assert_ne!(prefilter.candidates(&mut scratch, r#"{"a":"x","eventName":"y"}"#), Candidates::All);
        match prefilter.read(&mut scratch, event) {
            Some((mut evaluation, _)) => evaluation.outcomes(prefilter.rules[rule]).to_string(),
            None => "not understood".into(),
        }
    }

    #[test]
    fn the_shared_vectors_come_out() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conditions");
        let mut vectors: Vec<Vector> = Vec::new();
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let name = path.file_name().expect("a name").to_string_lossy();
            if name.starts_with("vectors") && name.ends_with(".json") {
                let text = fs::read_to_string(&path).expect("text");
                vectors.extend(serde_json::from_str::<Vec<Vector>>(&text).expect("vectors"));
            }
        }
        assert!(vectors.len() >= 150, "only {} vectors", vectors.len());
        let conditions = || vectors.iter().map(|vector| (&*vector.name, vector.condition.get()));
        let all = Prefilter::of(conditions()).expect("conditions");
        let mut wrong = Vec::new();
        for (rule, vector) in vectors.iter().enumerate() {
            let alone = Prefilter::of(conditions().skip(rule).take(1)).expect("a condition");
            for (how, got) in [("alone", got(&alone, 0, &vector.event)), ("among all", got(&all, rule, &vector.event))]
            {
                if got != vector.outcome {
                    wrong.push(format!("{} ({how}): expected {}, got {got}", vector.name, vector.outcome));
                }
            }
            let mut scratch = Scratch::default();
            let candidate = all.candidates(&mut scratch, &vector.event);
            let Candidates::Rules(found) = candidate else { panic!("{}: not understood", vector.name) };
            let asked = found.binary_search(&(rule as u32)).is_ok();
            if asked != vector.outcome.contains('T') && !(asked && vector.outcome == "R") {
                wrong.push(format!("{}: candidate or not, the index says otherwise", vector.name));
            }
        }
        assert!(wrong.is_empty(), "{} vectors:\n  {}", wrong.len(), wrong.join("\n  "));
    }
}
