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
    let batch = RecordBatch::try_from_iter([("t", texts), ("n", numbers)]).expect("columns");
    let files = Files::new();
    let read = files
        .read(&ipc(std::slice::from_ref(&batch), BatchFormat::ArrowStream, None), BatchFormat::ArrowStream)
        .expect("rows");
    assert!(read.len() >= 10);
    assert!(read.iter().all(|piece| piece.get_array_memory_size() < 16 << 20));
    assert_eq!(concat_batches(&batch.schema(), &read).expect("one schema"), batch);
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
        (Arc::new(structs), [7, 41, 2]),
        (Arc::new(large), [6, 1, 2]),
    ];
    for (column, want) in columns {
        assert_eq!(slices::sizes(&column), want, "{:?}", column.data_type());
        assert_eq!(slices::sizes(&column.slice(1, 2)), want[1..], "{:?}", column.data_type());
    }
}
