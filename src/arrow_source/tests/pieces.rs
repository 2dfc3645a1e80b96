//! Pieces that a commit window can take.

use super::*;

fn read(column: ArrayRef) -> Result<Vec<RecordBatch>> {
    let batch = RecordBatch::try_from_iter([("c", column)]).expect("a column");
    let files = Files::new();
    files.read(&ipc(&[batch], BatchFormat::ArrowStream, None), BatchFormat::ArrowStream)
}

#[test]
fn pieces_are_about_as_large_as_our_own_batches() {
    let texts: ArrayRef =
        Arc::new(StringArray::from_iter_values((0..40).map(|n| "x".repeat(if n == 20 { 9 << 20 } else { 1 << 20 }))));
    let pieces: Vec<usize> = read(texts).expect("rows").iter().map(RecordBatch::num_rows).collect();
    assert_eq!(pieces.iter().sum::<usize>(), 40);
    assert!(pieces.iter().all(|rows| *rows <= 4) && pieces.len() >= 12, "{pieces:?}");
}

#[test]
fn what_a_dictionary_repeats_counts_each_time() {
    let words: DictionaryArray<arrow::datatypes::Int32Type> =
        std::iter::repeat_n("y".repeat(1 << 20).as_str(), 3_000).collect();
    let pieces: Vec<usize> = read(Arc::new(words)).expect("rows").iter().map(RecordBatch::num_rows).collect();
    assert_eq!(pieces.iter().sum::<usize>(), 3_000);
    assert!(pieces.iter().all(|rows| *rows <= 4), "{pieces:?}");
}

#[test]
fn what_a_run_repeats_counts_each_time() {
    let values = StringArray::from(vec!["z".repeat(2 << 20)]);
    let runs = RunArray::try_new(&Int32Array::from(vec![1_000]), &values).expect("a run");
    let pieces: Vec<usize> = read(Arc::new(runs)).expect("rows").iter().map(RecordBatch::num_rows).collect();
    assert_eq!(pieces.iter().sum::<usize>(), 1_000);
    assert!(pieces.iter().all(|rows| *rows <= 2), "{pieces:?}");
}

#[test]
fn a_row_that_is_too_large_once_written_out_is_refused() {
    // A list of a thousand lists of a thousand texts of a kilobyte, each of them one entry of a dictionary.
    let texts: DictionaryArray<arrow::datatypes::Int32Type> =
        std::iter::repeat_n("w".repeat(1 << 10).as_str(), 1_000_000).collect();
    let list = |values: ArrayRef| -> ArrayRef {
        let field = Arc::new(Field::new_list_field(values.data_type().clone(), true));
        Arc::new(ListArray::new(field, arrow::buffer::OffsetBuffer::from_lengths([values.len()]), values, None))
    };
    let error = read(list(Arc::new(texts))).expect_err("a gigabyte");
    assert!(
        error.message().ends_with("a row is larger than 256 MiB, which is more than this connector accepts"),
        "{error}"
    );
}

#[test]
fn a_piece_of_a_large_batch_does_not_hold_all_of_it() {
    let texts: ArrayRef = Arc::new(StringArray::from_iter_values((0..50_000).map(|n| format!("{n:01000}"))));
    let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(0..50_000));
    let pairs = (0..50_000_i64).map(|n| (n % 7 != 3).then(|| [(n % 5 != 1).then_some(n), Some(-n)]));
    let pairs: ArrayRef =
        Arc::new(FixedSizeListArray::from_iter_primitive::<arrow::datatypes::Int64Type, _, _>(pairs, 2));
    let batch = RecordBatch::try_from_iter([("t", texts), ("n", numbers), ("p", pairs)]).expect("columns");
    let files = Files::new();
    let read = files
        .read(&ipc(std::slice::from_ref(&batch), BatchFormat::ArrowStream, None), BatchFormat::ArrowStream)
        .expect("rows");
    assert!(read.len() >= 10);
    assert!(read.iter().all(|piece| piece.get_array_memory_size() < 16 << 20));
    assert_eq!(concat_batches(&batch.schema(), &read).expect("one schema"), batch);
}

#[test]
fn a_piece_that_is_one_large_row_is_no_copy() {
    let texts = StringArray::from(vec!["x".repeat(limits::LARGE_CHUNK_BYTES), "y".repeat(limits::LARGE_CHUNK_BYTES)]);
    let data = |array: &dyn Array| array.as_string::<i32>().value_data().as_ptr();
    let first = data(&texts);
    let batch = RecordBatch::try_from_iter([("t", Arc::new(texts) as ArrayRef)]).expect("a column");
    let mut slices = slices::Slices::of(batch, true);
    let pieces: Vec<RecordBatch> = std::iter::from_fn(|| slices.next_slice().expect("rows")).collect();
    assert_eq!(pieces.len(), 2);
    for piece in pieces {
        assert_eq!(data(piece.column(0)), first);
        assert!(slices::size(&piece) >= limits::LARGE_CHUNK_BYTES as u64);
    }
}

#[test]
fn a_long_name_counts_in_each_row() {
    let batch = RecordBatch::try_from_iter([(
        "x".repeat(1 << 20),
        Arc::new(Int8Array::from_iter_values((0..100).map(|n| n as i8))) as ArrayRef,
    )])
    .expect("a column");
    let mut slices = slices::Slices::of(batch, false);
    let pieces: Vec<usize> =
        std::iter::from_fn(|| slices.next_slice().expect("rows")).map(|piece| piece.num_rows()).collect();
    assert_eq!(pieces.iter().sum::<usize>(), 100);
    assert!(pieces.iter().all(|rows| *rows <= 4), "{pieces:?}");
}

#[test]
fn sizes_know_every_type() {
    let list = ListArray::from_iter_primitive::<arrow::datatypes::Int64Type, _, _>([
        Some(vec![Some(1); 10]),
        None,
        Some(vec![]),
    ]);
    let view = StringViewArray::from(vec!["short", "a text that is longer than twelve bytes", ""]);
    let fields = vec![Field::new("a", DataType::Utf8View, true)];
    let structs = StructArray::new(fields.into(), vec![Arc::new(view.clone())], None);
    let large = LargeBinaryArray::from(vec![&b"12345"[..], b"", b"1"]);
    let columns: [(ArrayRef, [u64; 3]); 4] = [
        (Arc::new(list), [81, 1, 1]),
        (Arc::new(view), [6, 40, 1]),
        (Arc::new(structs), [12, 46, 7]),
        (Arc::new(large), [6, 1, 2]),
    ];
    for (column, want) in columns {
        assert_eq!(slices::sizes(&column), want, "{:?}", column.data_type());
        assert_eq!(slices::sizes(&column.slice(1, 2)), want[1..], "{:?}", column.data_type());
    }
}

#[test]
fn a_billion_rows_in_a_few_bytes_are_read_piece_by_piece() {
    const ROWS: i32 = i32::MAX;
    let runs = RunArray::try_new(&Int32Array::from(vec![5_000, ROWS]), &Int8Array::from(vec![1, 2])).expect("runs");
    let batch = RecordBatch::try_from_iter([("r", Arc::new(runs) as ArrayRef)]).expect("a column");
    let mut pieces = slices::Slices::of(batch, false);
    let begun = std::time::Instant::now();
    for _ in 0..3 {
        assert_eq!(pieces.next_slice().expect("rows").expect("a piece").num_rows(), limits::BATCH_ROWS);
    }
    assert!(begun.elapsed().as_secs() < 2, "{:?}", begun.elapsed());
}

#[test]
fn the_pieces_of_lists_of_runs_count_each_row() {
    // Three lists of 1, 4,000,000 and 2 elements of two bytes each.
    let runs = RunArray::try_new(&Int32Array::from(vec![3, 4_000_003]), &Int8Array::from(vec![1, 2])).expect("runs");
    let field = Arc::new(Field::new_list_field(runs.data_type().clone(), true));
    let offsets = arrow::buffer::OffsetBuffer::from_lengths([1, 4_000_000, 2]);
    let lists: ArrayRef = Arc::new(ListArray::new(field, offsets, Arc::new(runs), None));
    assert_eq!(slices::sizes(&lists), [3, 8_000_001, 5]);
    assert_eq!(slices::sizes(&lists.slice(1, 2)), [8_000_001, 5]);
    let batch = RecordBatch::try_from_iter([("l", lists)]).expect("a column");
    let mut slices = slices::Slices::of(batch, false);
    let pieces: Vec<usize> =
        std::iter::from_fn(|| slices.next_slice().expect("rows")).map(|piece| piece.num_rows()).collect();
    assert_eq!(pieces, [1, 1, 1]);
}

#[test]
fn members_count_with_their_names() {
    // 8,192 times a name of a megabyte, and no value.
    let name = "x".repeat(1_000_000);
    let members = StructArray::new(
        vec![Field::new(&name, DataType::Null, true)].into(),
        vec![new_null_array(&DataType::Null, 8_192)],
        None,
    );
    let field = Arc::new(Field::new_list_field(members.data_type().clone(), true));
    let offsets = arrow::buffer::OffsetBuffer::from_lengths([8_192]);
    let list: ArrayRef = Arc::new(ListArray::new(field, offsets, Arc::new(members), None));
    let error = read(list).expect_err("eight gigabytes");
    assert!(error.message().contains("a row is larger than 256 MiB"), "{error}");
}

#[test]
fn what_rows_refer_to_is_sized_where_it_is() {
    let words: DictionaryArray<arrow::datatypes::Int8Type> = ["a", "bb", "a"].into_iter().collect();
    let children: Vec<ArrayRef> =
        vec![Arc::new(StringArray::from(vec!["1", "22", "333"])), Arc::new(Int8Array::from(vec![7]))];
    let fields =
        [(0, Arc::new(Field::new("t", DataType::Utf8, true))), (1, Arc::new(Field::new("n", DataType::Int8, true)))];
    let dense =
        UnionArray::try_new(fields.into_iter().collect(), vec![0, 1, 0].into(), Some(vec![2, 0, 1].into()), children)
            .expect("a union");
    let texts: ArrayRef = Arc::new(StringArray::from(vec!["1", "22", "333"]));
    let field = Arc::new(Field::new_list_field(DataType::Utf8, true));
    let views = ListViewArray::new(field, vec![1, 0, 2].into(), vec![2, 0, 1].into(), texts, None);
    let columns: [(ArrayRef, [u64; 3]); 3] =
        [(Arc::new(words), [3, 4, 3]), (Arc::new(dense), [5, 2, 4]), (Arc::new(views), [8, 1, 5])];
    for (column, want) in columns {
        assert_eq!(slices::sizes(&column), want, "{:?}", column.data_type());
        assert_eq!(slices::sizes(&column.slice(1, 2)), want[1..], "{:?}", column.data_type());
    }
}

#[test]
fn a_piece_of_a_compressed_batch_does_not_hold_all_of_it() {
    let texts: ArrayRef = Arc::new(StringArray::from_iter_values(std::iter::repeat_n("x".repeat(1_000), 50_000)));
    let batch = RecordBatch::try_from_iter([("t", texts)]).expect("a column");
    let files = Files::new();
    let bytes = ipc(&[batch], BatchFormat::ArrowStream, Some(CompressionType::ZSTD));
    let read = files.read(&bytes, BatchFormat::ArrowStream).expect("rows");
    assert!(read.iter().all(|piece| piece.get_array_memory_size() < 16 << 20));
}
