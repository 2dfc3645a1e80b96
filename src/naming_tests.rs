use proptest::prelude::*;

use super::*;

/// Names and what they become: contract of the reference's mangling.
const NAMES: [(&str, &str); 44] = [
    ("users", "users"),
    ("Users", "Users"),
    ("user_ID_42", "user_ID_42"),
    ("_", "_"),
    ("__a", "__a"),
    ("_1", "_1"),
    // Accents go, compatibility forms become plain ones.
    ("é", "e"),
    ("e\u{301}", "e"),
    ("Ünïcödé", "Unicode"),
    ("Čeština", "Cestina"),
    ("ﬁle", "file"),
    ("①", "_1"),
    ("x²", "x2"),
    ("ＡＢＣ", "ABC"),
    ("Å", "A"),
    ("a\u{300}\u{301}\u{302}b", "ab"),
    ("\u{20dd}a", "a"),
    // Letters without an ASCII form are one underscore each.
    ("ß", "_"),
    ("naïve ß", "naive__"),
    ("名前", "__"),
    ("Имя", "___"),
    ("𝄞", "_"),
    ("🦀🦀", "__"),
    // A run of white space is one underscore, anything else one a character.
    ("a b", "a_b"),
    ("a \t\n b", "a_b"),
    (" a ", "_a_"),
    ("   ", "_"),
    ("a\u{a0}\u{3000}b", "a_b"),
    ("a \u{301} b", "a_b"),
    ("a - b", "a___b"),
    ("a--b", "a__b"),
    ("a.b", "a_b"),
    ("a\"b'c", "a_b_c"),
    ("$1;drop", "_1_drop"),
    ("a\0b", "a_b"),
    ("%", "_"),
    // Never a digit first.
    ("1", "_1"),
    ("2024 sales", "_2024_sales"),
    ("１st", "_1st"),
    ("٣", "_"),
    // 63 bytes are kept.
    (
        "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijk",
        "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijk",
    ),
    // 64 are not; the tails below were computed by hand, see the test of the hash.
    (
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa_TAIL",
    ),
    (
        "éééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééé",
        "eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee_TAIL",
    ),
    (
        "1aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "_1aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa_TAIL",
    ),
];

/// `String.hashCode` of Java for a text of ASCII characters: s[0]*31^(n-1) + … + s[n-1], in 32 bits with a sign.
fn java_hash_code(text: &str) -> i64 {
    const WORD: i128 = 1 << 32;
    let mut power = 1_i128;
    let mut sum = 0_i128;
    for byte in text.bytes().rev() {
        sum = (sum + i128::from(byte) * power) % WORD;
        power = power * 31 % WORD;
    }
    i64::try_from(if sum >= WORD / 2 { sum - WORD } else { sum }).expect("32 bits")
}

/// The end of the decimal text of the hash, as Java's `takeLast(8)` gives it.
fn tail(full_name: &str) -> String {
    let digits: Vec<char> = java_hash_code(full_name).to_string().chars().collect();
    digits[digits.len().saturating_sub(8)..].iter().collect()
}

#[test]
fn names_are_mangled_as_the_reference_does() {
    for (original, want) in NAMES {
        let full = match original.chars().count() {
            64 => original.replace('é', "e"),
            _ => String::new(),
        };
        let full = if full.starts_with('1') { format!("_{full}") } else { full };
        assert_eq!(postgres_name(original), want.replace("TAIL", &tail(&full)), "{original:?}");
    }
}

#[test]
fn the_hash_is_javas() {
    // From the documentation of String.hashCode and well-known collisions.
    for (text, code) in [("", 0), ("a", 97), ("ab", 3105), ("Aa", 2112), ("BB", 2112), ("hello", 99_162_322)] {
        assert_eq!(java_hash_code(text), code, "{text}");
    }
    assert_eq!(java_hash_code("polygenelubricants"), i64::from(i32::MIN));
    assert_eq!(java_hash_code("hello world"), 1_794_106_052);
}

#[test]
fn long_names_end_in_the_last_eight_characters_of_the_hash() {
    let mut minus_seen = false;
    let mut short_seen = false;
    for i in 0..5_000 {
        let name = format!("a_stream_whose_name_is_so_long_that_it_has_to_be_cut_somewhere_{}", hash(&i.to_string()));
        let tail = tail(&name);
        minus_seen |= tail.starts_with('-');
        short_seen |= tail.len() < 8;
        let got = postgres_name(&name);
        assert_eq!(got, format!("a_stream_whose_name_is_so_long_that_it_has_to_be_cut_s_{tail}"), "{name}");
        assert!(got.len() <= IDENTIFIER_BYTES);
    }
    assert!(minus_seen && short_seen, "a tail with a minus and one below eight characters");
}

#[test]
fn empty_names_get_one_of_their_own() {
    for original in ["", "\u{301}", "\u{300}\u{20dd}"] {
        let name = postgres_name(original);
        assert!(name.starts_with("default_name_") && name.len() == "default_name_".len() + 8, "{name}");
        assert_eq!(name, postgres_name(original));
    }
    assert_ne!(postgres_name(""), postgres_name("\u{301}"));
}

#[test]
fn suffixes_fit_into_an_identifier() {
    assert_eq!(with_suffix("name", "_x"), "name_x");
    assert_eq!(with_suffix(&"a".repeat(80), "_x"), format!("{}_x", "a".repeat(61)));
    // Cut between characters, also where that leaves a byte unused.
    assert_eq!(with_suffix(&"ä".repeat(40), "_"), format!("{}_", "ä".repeat(31)));
    assert_eq!(with_suffix(&"ä".repeat(40), "_x"), format!("{}_x", "ä".repeat(30)));
    assert_eq!(hash("a"), "ca978112");
}

fn columns(fields: &[&str]) -> Vec<String> {
    column_names(fields, &HashMap::new(), &HashSet::new())
}

#[test]
fn exact_names_win_a_clash() {
    assert_eq!(columns(&["a b", "a_b"]), [format!("a_b_{}", hash("a b")), "a_b".to_owned()]);
    assert_eq!(columns(&["a b", "a-b"]), [format!("a_b_{}", hash("a b")), format!("a_b_{}", hash("a-b"))]);
    assert_eq!(columns(&["Name", "name"]), ["Name", "name"], "case tells names apart");
    // A suffix never takes a name that somebody has by right.
    let taken = format!("a_b_{}", hash("a b"));
    let names = columns(&["a b", "a_b", &taken]);
    assert_eq!(names[1..], ["a_b".to_owned(), taken.clone()]);
    assert!(names[0] != taken && names[0].starts_with("a_b_"), "{names:?}");
}

#[test]
fn system_and_meta_columns_are_never_a_fields() {
    let reserved = [
        "ctid",
        "xmin",
        "xmax",
        "cmin",
        "cmax",
        "tableoid",
        "_airbyte_raw_id",
        "_airbyte_extracted_at",
        "_airbyte_meta",
        "_airbyte_generation_id",
        "_airbyte_loaded_at",
        "_airbyte_data",
    ];
    for name in reserved {
        assert_eq!(columns(&[name]), [format!("{name}_{}", hash(name))]);
    }
    assert_eq!(columns(&["CTID", "oid", "_airbyte_x"]), ["CTID", "oid", "_airbyte_x"]);
    assert_eq!(columns(&["_airbyte meta"]), [format!("_airbyte_meta_{}", hash("_airbyte meta"))]);
}

#[test]
fn the_mapping_of_an_existing_table_is_kept() {
    let known = HashMap::from([("a b".to_owned(), "a_b".to_owned()), ("old".to_owned(), "Old Name".to_owned())]);
    assert_eq!(
        column_names(&["a_b", "a b", "old"], &known, &HashSet::new()),
        [format!("a_b_{}", hash("a_b")), "a_b".into(), "Old Name".into()]
    );
}

fn request(schema: &str, namespace: &str, stream: &str) -> TableRequest {
    TableRequest { schema: schema.into(), stream: stream.into(), namespace: namespace.into() }
}

fn tables(requests: &[TableRequest]) -> Vec<String> {
    table_names(requests, |r| postgres_name(&r.stream))
}

#[test]
fn streams_of_one_table_are_told_apart() {
    let names = tables(&[
        request("s", "", "a b"),
        request("s", "", "a_b"),
        request("t", "t", "a b"),
        request("s_x", "s x", "u"),
        request("s_x", "s_x", "u"),
        request("s_x", "s-x", "u"),
    ]);
    assert_eq!(names[1..3], ["a_b", "a_b"], "the exact name, and the only one of its schema");
    assert_eq!(names[4], "u", "namespace and name are exact");
    for (i, plain) in [(0, "a_b"), (3, "u"), (5, "u")] {
        assert!(names[i].len() == plain.len() + 9 && names[i].starts_with(plain), "{names:?}");
    }
    assert_ne!(names[3], names[5]);
}

#[test]
fn next_generations_have_a_name_of_their_own() {
    assert_eq!(next_generation_table("s", "t"), format!("_airbyte_next_t_{}", hash("s.t")));
    let long = "x".repeat(63);
    let name = next_generation_table("s", &long);
    assert_eq!(name, format!("_airbyte_next_{}_{}", "x".repeat(40), hash(&format!("s.{long}"))));
    assert_eq!(name.len(), IDENTIFIER_BYTES);
    assert_ne!(name, next_generation_table("s", &"x".repeat(62)));
    assert_ne!(next_generation_table("s", "t"), next_generation_table("u", "t"));
}

#[test]
fn raw_tables_have_one_underscore_more_than_the_names() {
    let cases = [
        ("public", "users", "public_raw__stream_users"),
        ("my_schema", "My_Users", "my_schema_raw__stream_my_users"),
        ("a__b", "c", "a__b_raw___stream_c"),
        ("a", "b___c", "a_raw____stream_b___c"),
        // The reference joins the two names first.
        ("a_", "_b", "a__raw___stream__b"),
        ("Ünï", "a b", "uni_raw__stream_a_b"),
        ("", "", "_raw__stream_"),
    ];
    for (namespace, stream, want) in cases {
        assert_eq!(raw_table(namespace, stream), want, "{namespace:?} {stream:?}");
    }
    let long = "x".repeat(60);
    let full = format!("public_raw__stream_{long}");
    assert_eq!(raw_table("public", &long), format!("{}_{}", &full[..54], tail(&full)));
}

/// Names that clash often, and some that need cutting or are reserved.
fn name() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "a",
        "b",
        "A",
        "é",
        "e",
        " ",
        "_",
        "-",
        ".",
        "1",
        "ctid",
        "xmin",
        "ß",
        "名",
        "a_b",
        "\0",
        "_airbyte_meta",
        "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefgh",
    ]);
    prop_oneof![
        8 => prop::collection::vec(piece, 0..4).prop_map(|pieces| pieces.concat()),
        1 => any::<String>(),
    ]
}

fn distinct_names() -> impl Strategy<Value = Vec<String>> {
    prop::collection::hash_set(name(), 1..24).prop_map(|set| set.into_iter().collect())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_name_becomes_an_identifier(original in name()) {
        let name = postgres_name(&original);
        prop_assert!((1..=IDENTIFIER_BYTES).contains(&name.len()));
        // Only the tail of a cut name may hold a minus.
        prop_assert!(name.bytes().enumerate().all(|(i, b)| b.is_ascii_alphanumeric() || b == b'_' || (b == b'-' && i == 55)));
        prop_assert!(!name.starts_with(|c: char| c.is_ascii_digit()));
        if !name.contains('-') {
            prop_assert_eq!(postgres_name(&name), name);
        }
    }

    #[test]
    fn columns_are_distinct_and_independent_of_order(fields in distinct_names(), turn in 0..24_usize, known in 0..6_usize) {
        let given: Vec<&str> = fields.iter().map(String::as_str).collect();
        // What an earlier sync of some of the fields has recorded.
        let earlier = &given[..known.min(given.len())];
        let known: HashMap<String, String> =
            earlier.iter().map(|f| (*f).to_owned()).zip(column_names(earlier, &HashMap::new(), &HashSet::new())).collect();
        let names = column_names(&given, &known, &HashSet::new());
        prop_assert_eq!(names.len(), given.len());
        prop_assert_eq!(names.iter().collect::<HashSet<_>>().len(), names.len(), "{:?}", names);
        for (field, name) in given.iter().zip(&names) {
            prop_assert!((1..=IDENTIFIER_BYTES).contains(&name.len()));
            prop_assert!(!is_reserved_column(name), "{}", name);
            if let Some(kept) = known.get(*field) {
                prop_assert_eq!(name, kept);
            } else if postgres_name(field) == *field && !is_reserved_column(field) && !known.values().any(|n| n == field) {
                prop_assert_eq!(name, field);
            }
        }
        let mut turned = given.clone();
        turned.rotate_left(turn % given.len());
        turned.reverse();
        let again = column_names(&turned, &known, &HashSet::new());
        for (field, name) in turned.iter().zip(&again) {
            let at = given.iter().position(|f| f == field).expect("the same fields");
            prop_assert_eq!(name, &names[at], "{}", field);
        }
    }

    #[test]
    fn tables_are_distinct_and_independent_of_order(
        streams in prop::collection::hash_set((prop::sample::select(vec!["", "s", "s t", "s_t"]), name()), 1..20),
        turn in 0..20_usize,
    ) {
        let requests: Vec<TableRequest> = streams
            .iter()
            .map(|(namespace, stream)| {
                let schema = if namespace.is_empty() { "s_t".to_owned() } else { postgres_name(namespace) };
                request(&schema, namespace, stream)
            })
            .collect();
        let names = tables(&requests);
        let placed: HashSet<(&str, &str)> =
            requests.iter().zip(&names).map(|(r, name)| (r.schema.as_str(), name.as_str())).collect();
        prop_assert_eq!(placed.len(), requests.len(), "{:?}", names);
        for (request, name) in requests.iter().zip(&names) {
            prop_assert!((1..=IDENTIFIER_BYTES).contains(&name.len()), "{}", name);
            let exact = postgres_name(&request.stream) == request.stream && request.namespace == request.schema;
            let rival = requests.iter().any(|r| r.schema == request.schema && r.stream == request.stream && r.namespace.is_empty());
            if exact && !rival {
                prop_assert_eq!(name, &request.stream);
            }
        }
        let mut turned = requests.clone();
        turned.rotate_left(turn % requests.len());
        turned.reverse();
        for (request, name) in turned.iter().zip(tables(&turned)) {
            let at = requests.iter().position(|r| r == request).expect("the same streams");
            prop_assert_eq!(&name, &names[at], "{:?}", request);
        }
    }

    #[test]
    fn next_generations_fit_and_differ(schema in name(), tables in distinct_names()) {
        let names: HashSet<String> = tables.iter().map(|table| next_generation_table(&schema, table)).collect();
        prop_assert_eq!(names.len(), tables.len());
        prop_assert!(names.iter().all(|name| name.len() <= IDENTIFIER_BYTES));
    }
}
