"""The functions of the C header, one for each kind of layer.

All are C99 and take float activations in planes: x[(c * h + row) * w + column]. In the weights the
output is the last axis, so the inner loop runs over outputs and compilers vectorise it. Where
weights are int8, the sum over the inputs is multiplied by the scale of its output.
A name in braces is filled in by `function_source`.
"""

STANDARDISE = """\
/* y = (x - mean) / std */
static void digitnn_standardise(const {input_type} *x, float *y, float mean, float scale,
                                int32_t n)
{
    for (int32_t i = 0; i < n; ++i)
        y[i] = ((float)x[i] - mean) * scale;
}
"""

ACCUMULATE = """\
/* Add x times one row of weights to the sums of all outputs. */
static void digitnn_accumulate(float *DIGITNN_RESTRICT sums, float x,
                               const digitnn_weight *DIGITNN_RESTRICT weights, int32_t outputs)
{
    for (int32_t u = 0; u < outputs; ++u)
        sums[u] += x * (float)weights[u];
}
"""

DENSE = """\
/* y = weights x + bias; weights [inputs][outputs] */
static void digitnn_dense(const float *x, float *y, const digitnn_weight *weights,
                          {scales_parameter}const float *bias, int32_t inputs, int32_t outputs)
{
    for (int32_t u = 0; u < outputs; ++u)
        y[u] = 0.0f;
    for (int32_t i = 0; i < inputs; ++i)
        digitnn_accumulate(y, x[i], weights + i * outputs, outputs);
    for (int32_t u = 0; u < outputs; ++u)
        y[u] = y[u]{times_scale} + bias[u];
}
"""

CONVOLVE = """\
/* Cross-correlation; weights [c][kernel][kernel][outputs]; sums: one for each output */
static void digitnn_convolve(const float *x, float *y, float *sums, const digitnn_weight *weights,
                             {scales_parameter}const float *bias, int32_t c, int32_t h, int32_t w,
                             int32_t outputs, int32_t kernel, int32_t stride, int32_t padding)
{
    const int32_t rows = (h + 2 * padding - kernel) / stride + 1;
    const int32_t columns = (w + 2 * padding - kernel) / stride + 1;
    for (int32_t row = 0; row < rows; ++row)
        for (int32_t column = 0; column < columns; ++column) {
            for (int32_t u = 0; u < outputs; ++u)
                sums[u] = 0.0f;
            for (int32_t i = 0; i < c; ++i)
                for (int32_t down = 0; down < kernel; ++down) {
                    const int32_t at_row = row * stride + down - padding;
                    if (at_row < 0 || at_row >= h)
                        continue;
                    for (int32_t across = 0; across < kernel; ++across) {
                        const int32_t at_column = column * stride + across - padding;
                        if (at_column < 0 || at_column >= w)
                            continue;
                        const int32_t from = (i * kernel + down) * kernel + across;
                        digitnn_accumulate(sums, x[(i * h + at_row) * w + at_column],
                                           weights + from * outputs, outputs);
                    }
                }
            for (int32_t u = 0; u < outputs; ++u)
                y[(u * rows + row) * columns + column] = sums[u]{times_scale} + bias[u];
        }
}
"""

MAX_POOL = """\
/* The maximum of each size x size window */
static void digitnn_max_pool(const float *x, float *y, int32_t c, int32_t h, int32_t w,
                             int32_t size)
{
    for (int32_t i = 0; i < c; ++i)
        for (int32_t row = 0; row < h / size; ++row)
            for (int32_t column = 0; column < w / size; ++column) {
                const float *window = x + (i * h + row * size) * w + column * size;
                float largest = window[0];
                for (int32_t down = 0; down < size; ++down)
                    for (int32_t across = 0; across < size; ++across)
                        if (window[down * w + across] > largest)
                            largest = window[down * w + across];
                *y++ = largest;
            }
}
"""

AVERAGE_POOL = """\
/* The mean of each size x size window */
static void digitnn_average_pool(const float *x, float *y, int32_t c, int32_t h, int32_t w,
                                 int32_t size)
{
    for (int32_t i = 0; i < c; ++i)
        for (int32_t row = 0; row < h / size; ++row)
            for (int32_t column = 0; column < w / size; ++column) {
                const float *window = x + (i * h + row * size) * w + column * size;
                float sum = 0.0f;
                for (int32_t down = 0; down < size; ++down)
                    for (int32_t across = 0; across < size; ++across)
                        sum += window[down * w + across];
                *y++ = sum / (float)(size * size);
            }
}
"""

CROP = """\
/* The pixels at least margin away from every side */
static void digitnn_crop(const float *x, float *y, int32_t c, int32_t h, int32_t w, int32_t margin)
{
    for (int32_t i = 0; i < c; ++i)
        for (int32_t row = margin; row < h - margin; ++row)
            for (int32_t column = margin; column < w - margin; ++column)
                *y++ = x[(i * h + row) * w + column];
}
"""

BATCH_NORM = """\
/* x = scales x + shifts, one of each for the pixels of a channel */
static void digitnn_batch_norm(float *x, const float *scales, const float *shifts, int32_t c,
                               int32_t pixels)
{
    for (int32_t i = 0; i < c; ++i)
        for (int32_t at = 0; at < pixels; ++at, ++x)
            *x = *x * scales[i] + shifts[i];
}
"""

RELU = """\
/* x = max(x, 0) */
static void digitnn_relu(float *x, int32_t n)
{
    for (int32_t i = 0; i < n; ++i)
        if (x[i] < 0.0f)
            x[i] = 0.0f;
}
"""

SIGMOID = """\
/* x = 1 / (1 + exp(-x)) */
static void digitnn_sigmoid(float *x, int32_t n)
{
    for (int32_t i = 0; i < n; ++i)
        x[i] = 1.0f / (1.0f + expf(-x[i]));
}
"""

TANH = """\
/* x = tanh(x) */
static void digitnn_tanh(float *x, int32_t n)
{
    for (int32_t i = 0; i < n; ++i)
        x[i] = tanhf(x[i]);
}
"""

RESTRICT = """\
#ifdef __cplusplus
#define DIGITNN_RESTRICT
#else
#define DIGITNN_RESTRICT restrict
#endif
"""

NEED_MATH = (SIGMOID, TANH)
NEED_ACCUMULATE = (DENSE, CONVOLVE)


def function_source(template: str, has_scales: bool, input_type: str) -> str:
    """Return a function as C.

    has_scales: whether weights are int8 with a scale for each output; input_type: of the numbers
    that the network takes, uint8_t or float.
    """
    filled = template.replace("{scales_parameter}", "const float *scales, " if has_scales else "")
    filled = filled.replace("{times_scale}", " * scales[u]" if has_scales else "")
    return filled.replace("{input_type}", input_type)
