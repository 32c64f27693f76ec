"""Small v1 graphs, one op or construct each: functions that build the graph and return (inputs, outputs)."""
# ruff: noqa: PLW0108  the lambdas look up a name when a case is written, because some TensorFlows lack it
import tensorflow as tf

v1 = tf.compat.v1
raw = getattr(tf, "raw_ops", None)


def text():
    return v1.placeholder(tf.string, [None], "text")


def of_text(body):
    def build():
        x = text()
        return {"x": x}, {"y": body(x)}
    return build


def of_floats(body, shape=(None, 4)):
    def build():
        x = v1.placeholder(tf.float32, list(shape), "x")
        return {"x": x}, {"y": body(x)}
    return build


SEQUENCE, IMAGE = (2, 3, 4), (2, 3, 3, 4)


def vocabulary_table(path):
    if hasattr(tf.lookup if hasattr(tf, "lookup") else None, "StaticVocabularyTable"):
        lines = tf.lookup.TextFileIndex
        return tf.lookup.StaticVocabularyTable(tf.lookup.TextFileInitializer(
            path, tf.string, lines.WHOLE_LINE, tf.int64, lines.LINE_NUMBER), 2)
    return tf.contrib.lookup.index_table_from_file(path, num_oov_buckets=2)


def words(x):
    return v1.strings.split(x, result_type="RaggedTensor")


def loop(x):
    return tf.while_loop(lambda i, _: i < 3, lambda i, y: (i + 1, y * 2.0), [tf.constant(0), x])[1]


def branch(x):
    return tf.cond(tf.reduce_sum(x) > 0, lambda: x + 1.0, lambda: x - 1.0)


def control(build, v2):
    """Build with While and If (v2), or with Enter, Exit, Switch and Merge."""
    def built():
        before = hasattr(v1, "control_flow_v2_enabled") and v1.control_flow_v2_enabled()
        switch_control(v2)
        try:
            return build()
        finally:
            switch_control(before)  # because today's Keras writes invalid loops with the v1 ops
    return built


def switch_control(v2):
    if v2:
        v1.enable_control_flow_v2()
    elif hasattr(v1, "disable_control_flow_v2"):
        v1.disable_control_flow_v2()


def newest(x):
    """An op with a CPU kernel in today's TensorFlow that is not registered in 2.6."""
    index = raw.RandomIndexShuffle(index=tf.constant(1), seed=tf.constant([1, 2, 3], tf.uint32),
                                   max_index=tf.constant(5))
    return x + tf.cast(index, tf.float32)


def trained():
    """A graph that includes its optimizer."""
    x = v1.placeholder(tf.float32, [None, 4], "x")
    y = tf.matmul(x, v1.get_variable("w", [4, 2], use_resource=True))
    v1.train.AdamOptimizer().minimize(tf.reduce_sum(y * y))
    return {"x": x}, {"y": y}


def product_as(dtype):
    def body(x):
        return tf.cast(tf.matmul(tf.cast(x, dtype), tf.cast(tf.ones([4, 2]), dtype)), tf.float32)
    return of_floats(body)


def through(kind, body=lambda x: x, shape=(None, 4)):
    """Compute in another type and cast back."""
    return of_floats(lambda x: tf.cast(body(tf.cast(x, kind())), tf.float32), shape)


def block_lstm(x):
    state, peephole = tf.zeros([3, 4]), tf.zeros([4])
    return raw.BlockLSTM(seq_len_max=tf.constant(2, tf.int64), x=x, cs_prev=state, h_prev=state,
                         w=tf.ones([8, 16]), wci=peephole, wcf=peephole, wco=peephole, b=tf.zeros([16]))[6]


def keras(*layers):
    """Apply layers; the lambdas create them inside the graph."""
    def body(x):
        for make in layers:
            x = make()(x)
        return x
    return body


K = tf.keras.layers

# Op or construct → builder. A TensorFlow that lacks the API leaves the case out.
BODIES = {
    "add": of_floats(lambda x: x + 1.0),
    "einsum": of_floats(lambda x: tf.einsum("ij,kj->ik", x, x)),
    "batch_matmul": of_floats(lambda x: tf.matmul(x[:, :, None], x[:, None, :])),
    "select": of_floats(lambda x: tf.where(x > 0.0, x, tf.zeros_like(x))),
    "cumulative_logsumexp": of_floats(lambda x: tf.math.cumulative_logsumexp(x)),
    "erfcinv": of_floats(lambda x: tf.math.erfcinv(tf.sigmoid(x))),
    "bincount": of_floats(lambda x: tf.math.bincount(tf.cast(x, tf.int32), minlength=4, axis=-1)),
    "argmax_uint16": of_floats(lambda x: raw.ArgMax(input=x, dimension=1, output_type=tf.uint16)),
    "topk": of_floats(lambda x: tf.nn.top_k(x, 2).values),
    "topk_int16": of_floats(lambda x: tf.nn.top_k(x, 2, index_type=tf.int16).indices),
    "topk_int16_input": of_floats(lambda x: raw.TopKV2(
        input=x, k=tf.constant(2, tf.int16), index_type=tf.int32)[0]),
    "approx_max": of_floats(lambda x: tf.math.approx_max_k(x, 2)[0]),
    "newest": of_floats(newest),
    "stateless": of_floats(lambda x: x + tf.random.stateless_uniform(tf.shape(x), seed=[1, 2])),
    "random": of_floats(lambda x: x + tf.random.normal(tf.shape(x))),
    "conv_explicit": of_floats(lambda x: tf.nn.conv2d(
        x, tf.ones([1, 2, 4, 4]), 1, [[0, 0], [0, 0], [1, 1], [0, 0]]), IMAGE),
    "resize": of_floats(lambda x: v1.image.resize_bilinear(x, [6, 6]), IMAGE),
    "resize_centers": of_floats(lambda x: v1.image.resize_bilinear(
        x, [6, 6], half_pixel_centers=True), IMAGE),
    "quantize": of_floats(lambda x: tf.quantization.quantize_and_dequantize(x, 0.0, 6.0, False)),
    "batch_norm": of_floats(lambda x: v1.nn.fused_batch_norm(x, tf.ones([4]), tf.zeros([4]))[0], IMAGE),
    "batch_norm_training": of_floats(lambda x: raw.FusedBatchNormV3(
        x=x, scale=tf.ones([4]), offset=tf.zeros([4]), mean=tf.zeros([4]), variance=tf.ones([4]),
        exponential_avg_factor=0.5)[0], IMAGE),
    "pinv": of_floats(lambda x: tf.linalg.pinv(x)),
    "matrix_diag": of_floats(lambda x: tf.linalg.diag(x)),
    "tensor_list": of_floats(lambda x: raw.TensorListStack(input_handle=raw.TensorListFromTensor(
        tensor=x, element_shape=[4]), element_shape=[4], element_dtype=tf.float32)),
    "fft": of_floats(lambda x: tf.abs(v1.spectral.rfft(x))),
    "contrast": of_floats(lambda x: tf.image.adjust_contrast(x, 2.0), (2, 3, 3, 3)),
    "accumulate": of_floats(lambda x: tf.math.accumulate_n([x, x])),
    "block_lstm": of_floats(block_lstm, SEQUENCE),
    "lower": of_text(lambda x: tf.strings.lower(x, encoding="utf-8")),
    "regex": of_text(lambda x: tf.strings.regex_replace(x, "o", "0")),
    "ragged": of_text(lambda x: words(x).to_tensor("")),
    "ragged_sum": of_text(lambda x: tf.reduce_sum(tf.strings.length(words(x)), axis=1)),
    "ngrams": of_text(lambda x: tf.strings.ngrams(words(x), 2).to_tensor("")),
    "unicode": of_text(lambda x: tf.strings.unicode_decode(x, "UTF-8").to_tensor(0)),
    "substr": of_text(lambda x: tf.strings.substr(x, [0, 0], [4, 4], unit="UTF8_CHAR")),
    "hash": of_text(lambda x: tf.strings.to_hash_bucket_fast(x, 100)),
    "as_string_uint64": of_text(lambda x: tf.strings.as_string(tf.cast(tf.strings.length(x), tf.uint64))),
    "trained": trained,
    "while_v1": control(of_floats(loop), v2=False),
    "while_v2": control(of_floats(loop), v2=True),
    "cond_v1": control(of_floats(branch), v2=False),
    "cond_v2": control(of_floats(branch), v2=True),
    "case_v2": control(of_floats(lambda x: tf.switch_case(
        tf.cast(tf.reduce_sum(x), tf.int32), [lambda: x, lambda: x + 1.0])), v2=True),
    "function": of_floats(lambda x: tf.function(lambda y: y * 2.0)(x)),
    "function_newest": of_floats(lambda x: tf.function(lambda y: newest(y))(x)),
    "half": product_as(tf.float16),
    "bfloat16": product_as(tf.bfloat16),
    "bfloat16_softmax": through(lambda: tf.bfloat16, tf.nn.softmax),
    "bfloat16_less": of_floats(lambda x: tf.cast(tf.less(tf.cast(x, tf.bfloat16), 0.5), tf.float32)),
    "bfloat16_conv": through(lambda: tf.bfloat16, lambda x: tf.nn.conv2d(
        x, tf.cast(tf.ones([1, 1, 4, 4]), tf.bfloat16), [1, 1, 1, 1], "SAME"), IMAGE),
    "float8": through(lambda: tf.dtypes.experimental.float8_e5m2),
    "int4": through(lambda: tf.int32, lambda x: tf.cast(x, tf.dtypes.experimental.int4)),
    "uint32": through(lambda: tf.uint32, lambda x: x + 1),
    "floormod_int8": through(lambda: tf.int8, lambda x: tf.math.floormod(x, 3)),
    "dataset": of_floats(lambda x: x + v1.data.Dataset.range(3).map(
        lambda i: tf.cast(i, tf.float32)).repeat(2).batch(2).reduce(
            0.0, lambda total, batch: total + tf.reduce_sum(batch))),
    "keras_dense": of_floats(keras(lambda: K.Dense(3))),
    "keras_lstm": of_floats(keras(lambda: K.LSTM(3)), SEQUENCE),
    "keras_gru": of_floats(keras(lambda: K.Bidirectional(K.GRU(3))), SEQUENCE),
    "keras_norm": of_floats(keras(lambda: K.BatchNormalization(), lambda: K.LayerNormalization())),
}
