//! One page of ListObjectsV2 over the folder.
//!
//! Input: the folder and the request. Output: keys in byte order, grouped by delimiter, with the token of the next
//! page. The function itself never lists; people do, with `aws s3 ls --endpoint-url`, and so does whatever is built on
//! top. Every page walks the folder again: it holds no state, and a laptop's folder is small.

use std::collections::BTreeMap;

use s3s::dto::{CommonPrefix, ETag, ListObjectsV2Input, ListObjectsV2Output, Object, Timestamp};

use super::folder::{Folder, Stat};

/// S3 never gives more in one page.
const MAX_KEYS: i32 = 1000;

/// What stands in a page under one name: an object, or all that share a prefix up to the delimiter.
enum Entry {
    Object(Stat),
    Prefix,
}

pub(crate) fn list(folder: &Folder, input: ListObjectsV2Input) -> ListObjectsV2Output {
    let after = input.continuation_token.as_deref().or(input.start_after.as_deref()).unwrap_or_default().to_owned();
    let max_keys = input.max_keys.unwrap_or(MAX_KEYS).clamp(0, MAX_KEYS);
    let prefix = input.prefix.as_deref().unwrap_or_default();
    let mut entries = entries(folder, prefix, input.delimiter.as_deref(), &after);
    let rest = entries.keys().nth(max_keys as usize).cloned();
    if let Some(rest) = &rest {
        entries.split_off(rest);
    }
    let next = rest.and_then(|_| entries.keys().next_back().cloned());
    let key_count = i32::try_from(entries.len()).unwrap_or(max_keys);
    let (mut contents, mut common_prefixes) = (Vec::new(), Vec::new());
    for (name, entry) in entries {
        match entry {
            Entry::Object(stat) => contents.push(object(name, stat)),
            Entry::Prefix => common_prefixes.push(CommonPrefix { prefix: Some(name) }),
        }
    }
    ListObjectsV2Output {
        name: Some(input.bucket),
        prefix: input.prefix,
        delimiter: input.delimiter,
        start_after: input.start_after,
        continuation_token: input.continuation_token,
        is_truncated: Some(next.is_some()),
        next_continuation_token: next,
        max_keys: Some(max_keys),
        key_count: Some(key_count),
        contents: Some(contents),
        common_prefixes: Some(common_prefixes),
        ..ListObjectsV2Output::default()
    }
}

fn entries(folder: &Folder, prefix: &str, delimiter: Option<&str>, after: &str) -> BTreeMap<String, Entry> {
    let mut entries = BTreeMap::new();
    for key in folder.walk(folder.root()).flatten() {
        let Some(rest) = key.as_str().strip_prefix(prefix) else { continue };
        let cut = delimiter.filter(|mark| !mark.is_empty()).and_then(|mark| Some(rest.find(mark)? + mark.len()));
        let name = &key.as_str()[..cut.map_or(key.as_str().len(), |cut| prefix.len() + cut)];
        if name <= after || entries.contains_key(name) {
            continue;
        }
        let entry = match cut {
            Some(_) => Some(Entry::Prefix),
            None => folder.stat(name).map(Entry::Object),
        };
        entries.extend(entry.map(|entry| (name.to_owned(), entry)));
    }
    entries
}

fn object(key: String, stat: Stat) -> Object {
    Object {
        key: Some(key),
        size: i64::try_from(stat.size).ok(),
        e_tag: Some(ETag::Strong(stat.etag)),
        last_modified: Some(Timestamp::from(stat.modified)),
        ..Object::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn page(folder: &Folder, change: impl FnOnce(&mut ListObjectsV2Input)) -> (Vec<String>, Option<String>) {
        let mut input = ListObjectsV2Input { bucket: folder.bucket().to_owned(), ..ListObjectsV2Input::default() };
        change(&mut input);
        let output = list(folder, input);
        let keys = output.contents.into_iter().flatten().filter_map(|object| object.key);
        let prefixes = output.common_prefixes.into_iter().flatten().filter_map(|prefix| prefix.prefix);
        (keys.chain(prefixes).collect(), output.next_continuation_token)
    }

    #[test]
    fn pages_prefixes_and_delimiters() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["a/1.json", "a/2.json", "b/1.json", "c.json"] {
            fs::create_dir_all(dir.path().join(name).parent().unwrap()).unwrap();
            fs::write(dir.path().join(name), "{}").unwrap();
        }
        let folder = Folder::open(dir.path()).unwrap();
        let all = ["a/1.json", "a/2.json", "b/1.json", "c.json"].map(str::to_owned).to_vec();
        assert_eq!(page(&folder, |_| ()), (all.clone(), None));

        let (first, token) = page(&folder, |input| input.max_keys = Some(3));
        let (second, end) = page(&folder, |input| input.continuation_token = token);
        assert_eq!(([first, second].concat(), end), (all, None));

        let under = page(&folder, |input| input.prefix = Some("a/".to_owned()));
        assert_eq!(under.0, ["a/1.json", "a/2.json"]);

        let top = page(&folder, |input| input.delimiter = Some("/".to_owned()));
        assert_eq!(top.0, ["c.json", "a/", "b/"]);
        assert_eq!(page(&folder, |input| input.max_keys = Some(0)).0, Vec::<String>::new());
    }
}
