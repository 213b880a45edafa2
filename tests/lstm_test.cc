#include "support/reference.h"

APF_REFERENCE_REAL(lstm_forward)

namespace {

struct Shape {
  int64_t B, T, I, H;
};

void PrintTo(const Shape &s, std::ostream *os)
{
  *os << "B " << s.B << " T " << s.T << " I " << s.I << " H " << s.H;
}

/* Rows, inputs and hidden units around the kernels' groups, steps around their blocks: only the CPU
 * has blocks of steps, so an emulated device takes fewer. */
std::vector<Shape> shapes_for(const apf_context *ctx)
{
  std::vector<Shape> shapes = {{1, 1, 1, 1},   {1, 5, 3, 8},   {3, 127, 1, 4}, {2, 128, 3, 5},
                               {5, 129, 2, 3}, {31, 7, 3, 17}, {33, 3, 2, 64}, {1, 300, 3, 16},
                               {7, 2, 5, 33},  {2, 3, 16, 32}, {3, 4, 17, 6},  {1, 3, 3, 65},
                               {2, 5, 40, 70}, {1, 2, 2, 255}};
  if (is_emulated(ctx))
    for (Shape &s : shapes) s.T = std::min<int64_t>(s.T, 20);
  return shapes;
}

/* Everything that a layer reads; an empty vector is NULL. */
template <class T>
struct Layer {
  std::vector<T> x, w_ih, w_hh, b_ih, b_hh, h0, c0;
};

template <class T>
Layer<T> random_layer(const Shape &s)
{
  const double scale = 1 / std::sqrt(double(s.H));
  return {random_values<T>(s.B * s.T * s.I, 1),
          random_values<T>(4 * s.H * s.I, 2, scale),
          random_values<T>(4 * s.H * s.H, 3, scale),
          random_values<T>(4 * s.H, 4, scale),
          random_values<T>(4 * s.H, 5, scale),
          random_values<T>(s.B * s.H, 6),
          random_values<T>(s.B * s.H, 7)};
}

template <class T>
struct Outputs {
  std::vector<T> y, cn, gates, cells;
};

template <class T>
struct Gradients {
  std::vector<T> dx, dw_ih, dw_hh, db, dh0, dc0;
};

}  // namespace

class Lstm : public OnEveryBackend {
 protected:
  template <class T>
  Outputs<T> forward(const Shape &s, const Layer<T> &v)
  {
    Array<T> x(ctx, v.x), w_ih(ctx, v.w_ih), w_hh(ctx, v.w_hh), b_ih(ctx, v.b_ih),
        b_hh(ctx, v.b_hh), h0(ctx, v.h0), c0(ctx, v.c0);
    Array<T> y(ctx, s.B * s.T * s.H), cn(ctx, s.B * s.H), gates(ctx, 4 * y.size()),
        cells(ctx, y.size());
    APF_EXPECT_OK(op::lstm_forward<T>(ctx, s.B, s.T, s.I, s.H, x.data(), w_ih.data(), w_hh.data(),
                                      given(b_ih), given(b_hh), given(h0), given(c0), y.data(),
                                      cn.data(), gates.data(), cells.data()));
    return {y.values(), cn.values(), gates.values(), cells.values()};
  }

  /* dy, dhn, dcn may be empty: NULL. `wanted`: a bit for each output. */
  template <class T>
  Gradients<T> backward(const Shape &s, const Layer<T> &v, const Outputs<T> &saved,
                        const std::vector<T> &dy, const std::vector<T> &dhn,
                        const std::vector<T> &dcn, unsigned wanted = 63)
  {
    Array<T> x(ctx, v.x), w_ih(ctx, v.w_ih), w_hh(ctx, v.w_hh), h0(ctx, v.h0), c0(ctx, v.c0);
    Array<T> y(ctx, saved.y), gates(ctx, saved.gates), cells(ctx, saved.cells);
    Array<T> up(ctx, dy), up_h(ctx, dhn), up_c(ctx, dcn);
    Array<T> dx(ctx, s.B * s.T * s.I), dw_ih(ctx, 4 * s.H * s.I), dw_hh(ctx, 4 * s.H * s.H),
        db(ctx, 4 * s.H), dh0(ctx, s.B * s.H), dc0(ctx, s.B * s.H);
    Array<T> *all[] = {&dx, &dw_ih, &dw_hh, &db, &dh0, &dc0};
    T *to[6];
    for (int i = 0; i < 6; i++) to[i] = wanted >> i & 1 ? all[i]->data() : nullptr;
    APF_EXPECT_OK(op::lstm_backward<T>(ctx, s.B, s.T, s.I, s.H, given(up), given(up_h), given(up_c),
                                       x.data(), w_ih.data(), w_hh.data(), given(h0), given(c0),
                                       y.data(), gates.data(), cells.data(), to[0], to[1], to[2],
                                       to[3], to[4], to[5]));
    std::vector<T> out[6];
    for (int i = 0; i < 6; i++)
      if (to[i]) out[i] = all[i]->values();
    return {out[0], out[1], out[2], out[3], out[4], out[5]};
  }

  template <class T>
  static T *given(Array<T> &a)
  {
    return a.size() ? a.data() : nullptr;
  }
};
APF_ON_EVERY_BACKEND(Lstm);

TEST_P(Lstm, WorkedExample)
{
  /* One unit, gates driven apart by their biases: i = f = o = 1/2, g = tanh(x + h). */
  const Layer<double> v = {{1, 0}, {0, 0, 1, 0}, {0, 0, 1, 0}, {}, {}, {}, {2}};

  const auto got = forward<double>({1, 2, 1, 1}, v);

  const double c0 = 1 + std::tanh(1) / 2, h0 = std::tanh(c0) / 2;
  const double c1 = c0 / 2 + std::tanh(h0) / 2, h1 = std::tanh(c1) / 2;
  EXPECT_LE(relative_error(got.y, {h0, h1}), 1e-15);
  EXPECT_LE(relative_error(got.cells, {c0, c1}), 1e-15);
  EXPECT_EQ(got.cn, std::vector<double>{got.cells[1]});
  EXPECT_LE(relative_error(got.gates, {0.5, 0.5, std::tanh(1), 0.5, 0.5, 0.5, std::tanh(h0), 0.5}),
            1e-15);
}

TEST_P(Lstm, ForwardEqualsTheEquations)
{
  for (const Shape &s : shapes_for(ctx)) {
    const auto v = random_layer<double>(s);
    Outputs<double> want = {std::vector<double>(s.B * s.T * s.H), std::vector<double>(s.B * s.H),
                            std::vector<double>(s.B * s.T * s.H * 4),
                            std::vector<double>(s.B * s.T * s.H)};
    APF_EXPECT_OK(reference::lstm_forward<double>(
        ctx, s.B, s.T, s.I, s.H, v.x.data(), v.w_ih.data(), v.w_hh.data(), v.b_ih.data(),
        v.b_hh.data(), v.h0.data(), v.c0.data(), want.y.data(), want.cn.data(), want.gates.data(),
        want.cells.data()));

    const auto got = forward<double>(s, v);

    EXPECT_LE(relative_error(got.y, want.y), 1e-13) << testing::PrintToString(s);
    EXPECT_LE(relative_error(got.cn, want.cn), 1e-13) << testing::PrintToString(s);
    EXPECT_LE(relative_error(got.gates, want.gates), 1e-13) << testing::PrintToString(s);
    EXPECT_LE(relative_error(got.cells, want.cells), 1e-13) << testing::PrintToString(s);
  }
}

TEST_P(Lstm, GradientsAgreeWithCentralDifferences)
{
  for (const Shape &s : shapes_for(ctx)) {
    SCOPED_TRACE(testing::PrintToString(s));
    const auto v = random_layer<double>(s);
    const auto dy = random_values<double>(s.B * s.T * s.H, 11),
               dhn = random_values<double>(s.B * s.H, 12),
               dcn = random_values<double>(s.B * s.H, 13);

    const auto got = backward<double>(s, v, forward<double>(s, v), dy, dhn, dcn);

    const auto check = [&](std::vector<double> Layer<double>::*field,
                           const std::vector<double> &gradient) {
      expect_gradient(
          [&](const std::vector<double> &moved) {
            auto changed = v;
            changed.*field = moved;
            const auto out = forward<double>(s, changed);
            double loss = dot(out.y, dy) + dot(out.cn, dcn);
            for (int64_t b = 0; b < s.B; b++)
              for (int64_t h = 0; h < s.H; h++)
                loss += out.y[((b + 1) * s.T - 1) * s.H + h] * dhn[b * s.H + h];
            return loss;
          },
          v.*field, gradient, 1e-6, 1e-5, 1);
    };
    check(&Layer<double>::x, got.dx);
    check(&Layer<double>::w_ih, got.dw_ih);
    check(&Layer<double>::w_hh, got.dw_hh);
    check(&Layer<double>::b_ih, got.db);
    check(&Layer<double>::b_hh, got.db);
    check(&Layer<double>::h0, got.dh0);
    check(&Layer<double>::c0, got.dc0);
  }
}

TEST_P(Lstm, BackwardIsLinearInItsUpstreamGradients)
{
  const Shape s = {5, 140, 2, 9};
  const auto v = random_layer<double>(s);
  const auto saved = forward<double>(s, v);
  const auto dy = random_values<double>(s.B * s.T * s.H, 11),
             dhn = random_values<double>(s.B * s.H, 12), dcn = random_values<double>(s.B * s.H, 13);
  const std::vector<double> none;

  const auto all = backward<double>(s, v, saved, dy, dhn, dcn);
  const auto one = backward<double>(s, v, saved, dy, none, none),
             two = backward<double>(s, v, saved, none, dhn, none),
             three = backward<double>(s, v, saved, none, none, dcn);

  const auto sum = [&](std::vector<double> Gradients<double>::*field) {
    std::vector<double> out = one.*field;
    for (size_t i = 0; i < out.size(); i++) out[i] += (two.*field)[i] + (three.*field)[i];
    return out;
  };
  EXPECT_LE(relative_error(sum(&Gradients<double>::dx), all.dx), 1e-13);
  EXPECT_LE(relative_error(sum(&Gradients<double>::dw_ih), all.dw_ih), 1e-13);
  EXPECT_LE(relative_error(sum(&Gradients<double>::dw_hh), all.dw_hh), 1e-13);
  EXPECT_LE(relative_error(sum(&Gradients<double>::db), all.db), 1e-13);
  EXPECT_LE(relative_error(sum(&Gradients<double>::dh0), all.dh0), 1e-13);
  EXPECT_LE(relative_error(sum(&Gradients<double>::dc0), all.dc0), 1e-13);
}

TEST_P(Lstm, EachGradientIsOptional)
{
  const Shape s = {3, 130, 2, 9};
  const auto v = random_layer<double>(s);
  const auto saved = forward<double>(s, v);
  const auto dy = random_values<double>(s.B * s.T * s.H, 11);
  const auto all = backward<double>(s, v, saved, dy, {}, {});
  const auto only = [&](unsigned bit) { return backward<double>(s, v, saved, dy, {}, {}, bit); };

  EXPECT_EQ(only(1).dx, all.dx);
  EXPECT_EQ(only(2).dw_ih, all.dw_ih);
  EXPECT_EQ(only(4).dw_hh, all.dw_hh);
  EXPECT_EQ(only(8).db, all.db);
  EXPECT_EQ(only(16).dh0, all.dh0);
  EXPECT_EQ(only(32).dc0, all.dc0);
}

TEST_P(Lstm, PiecesWithCarriedStateEqualOneRun)
{
  const Shape whole = {1, 50, 3, 20}, head = {1, 17, 3, 20}, tail = {1, 33, 3, 20};
  auto v = random_layer<double>(whole);
  const auto want = forward<double>(whole, v);
  auto first = v, second = v;
  first.x.resize(17 * 3);
  second.x.erase(second.x.begin(), second.x.begin() + 17 * 3);

  const auto one = forward<double>(head, first);
  second.h0.assign(one.y.end() - 20, one.y.end());
  second.c0 = one.cn;
  const auto two = forward<double>(tail, second);

  std::vector<double> joined = one.y;
  joined.insert(joined.end(), two.y.begin(), two.y.end());
  EXPECT_EQ(joined, want.y);
  EXPECT_EQ(two.cn, want.cn);
}

/* Without gates CUDA goes through time in spans that its scratch holds: of B T H = 2^19 numbers. */
TEST_P(Lstm, LongSequencesWithoutGatesEqualTheEquations)
{
  for (const Shape &s : {Shape{64, 130, 2, 64}, Shape{64, is_emulated(ctx) ? 2 : 130, 2, 65}}) {
    const auto v = random_layer<double>(s);
    std::vector<double> want(s.B * s.T * s.H), last(s.B * s.H);
    APF_EXPECT_OK(reference::lstm_forward<double>(
        ctx, s.B, s.T, s.I, s.H, v.x.data(), v.w_ih.data(), v.w_hh.data(), v.b_ih.data(),
        v.b_hh.data(), v.h0.data(), v.c0.data(), want.data(), last.data(), nullptr, nullptr));
    Array<double> x(ctx, v.x), w_ih(ctx, v.w_ih), w_hh(ctx, v.w_hh), b_ih(ctx, v.b_ih),
        b_hh(ctx, v.b_hh), h0(ctx, v.h0), c0(ctx, v.c0), y(ctx, want.size()), cn(ctx, last.size());

    APF_EXPECT_OK(op::lstm_forward<double>(ctx, s.B, s.T, s.I, s.H, x.data(), w_ih.data(),
                                           w_hh.data(), b_ih.data(), b_hh.data(), h0.data(),
                                           c0.data(), y.data(), cn.data(), nullptr, nullptr));

    EXPECT_LE(relative_error(y.values(), want), 1e-13) << testing::PrintToString(s);
    EXPECT_LE(relative_error(cn.values(), last), 1e-13) << testing::PrintToString(s);
  }
}

/* More sequences than CUDA takes at once: the gradients of the weights add up over the passes. */
TEST_P(Lstm, GradientsOfManySequencesAreSumsOfParts)
{
  const auto part = [](const std::vector<double> &v, int64_t row, int64_t from, int64_t to) {
    return std::vector<double>(v.begin() + from * row, v.begin() + to * row);
  };
  const int64_t B = 515, T = 3, I = 2, H = 9, cut = 300;
  const auto v = random_layer<double>({B, T, I, H});
  const auto dy = random_values<double>(B * T * H, 11), dcn = random_values<double>(B * H, 13);
  const auto run = [&](int64_t from, int64_t to) {
    auto own = v;
    own.x = part(v.x, T * I, from, to);
    own.h0 = part(v.h0, H, from, to);
    own.c0 = part(v.c0, H, from, to);
    const Shape s = {to - from, T, I, H};
    return backward<double>(s, own, forward<double>(s, own), part(dy, T * H, from, to), {},
                            part(dcn, H, from, to));
  };

  const auto all = run(0, B), one = run(0, cut), two = run(cut, B);

  const auto joined = [](std::vector<double> a, const std::vector<double> &b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
  };
  const auto sum = [](std::vector<double> a, const std::vector<double> &b) {
    for (size_t i = 0; i < a.size(); i++) a[i] += b[i];
    return a;
  };
  EXPECT_LE(relative_error(all.dx, joined(one.dx, two.dx)), 1e-14);
  EXPECT_LE(relative_error(all.dh0, joined(one.dh0, two.dh0)), 1e-14);
  EXPECT_LE(relative_error(all.dc0, joined(one.dc0, two.dc0)), 1e-14);
  EXPECT_LE(relative_error(all.dw_ih, sum(one.dw_ih, two.dw_ih)), 1e-13);
  EXPECT_LE(relative_error(all.dw_hh, sum(one.dw_hh, two.dw_hh)), 1e-13);
  EXPECT_LE(relative_error(all.db, sum(one.db, two.db)), 1e-13);
}

TEST_P(Lstm, MissingStatesAndBiasesAreZeroAndNothingNeedsToBeKept)
{
  const Shape s = {5, 9, 3, 20};
  auto zero = random_layer<double>(s), none = zero;
  for (auto field :
       {&Layer<double>::b_ih, &Layer<double>::b_hh, &Layer<double>::h0, &Layer<double>::c0}) {
    std::fill((zero.*field).begin(), (zero.*field).end(), 0.0);
    (none.*field).clear();
  }
  const auto want = forward<double>(s, zero);
  const auto dy = random_values<double>(s.B * s.T * s.H, 11);
  Array<double> x(ctx, none.x), w_ih(ctx, none.w_ih), w_hh(ctx, none.w_hh), y(ctx, want.y.size());

  APF_EXPECT_OK(op::lstm_forward<double>(ctx, s.B, s.T, s.I, s.H, x.data(), w_ih.data(),
                                         w_hh.data(), nullptr, nullptr, nullptr, nullptr, y.data(),
                                         nullptr, nullptr, nullptr));

  EXPECT_EQ(y.values(), want.y);
  EXPECT_EQ(forward<double>(s, none).gates, want.gates);
  EXPECT_EQ(backward<double>(s, none, want, dy, {}, {}).dw_hh,
            backward<double>(s, zero, want, dy, {}, {}).dw_hh);
}

TEST_P(Lstm, FloatAgreesWithDouble)
{
  const Shape s = {7, is_emulated(ctx) ? 40 : 300, 3, 64};
  const auto narrow = random_layer<float>(s);
  const auto wide = [](const std::vector<float> &v) {
    return std::vector<double>(v.begin(), v.end());
  };
  const Layer<double> same = {wide(narrow.x),    wide(narrow.w_ih), wide(narrow.w_hh),
                              wide(narrow.b_ih), wide(narrow.b_hh), wide(narrow.h0),
                              wide(narrow.c0)};
  const auto dy = random_values<float>(s.B * s.T * s.H, 11);

  const auto out = forward<float>(s, narrow);
  const auto got = backward<float>(s, narrow, out, dy, {}, {});

  const auto out64 = forward<double>(s, same);
  const auto want = backward<double>(s, same, out64, wide(dy), {}, {});
  EXPECT_LE(relative_error(wide(out.y), out64.y), 1e-5);
  EXPECT_LE(relative_error(wide(got.dx), want.dx), 1e-5);
  EXPECT_LE(relative_error(wide(got.dw_ih), want.dw_ih), 1e-5);
  EXPECT_LE(relative_error(wide(got.dw_hh), want.dw_hh), 1e-5);
  EXPECT_LE(relative_error(wide(got.db), want.db), 1e-5);
}

TEST_P(Lstm, NoStepsHandTheStateThrough)
{
  const Shape s = {2, 0, 3, 4};
  auto v = random_layer<double>(s);
  const auto dhn = random_values<double>(8, 1), dcn = random_values<double>(8, 2);

  const auto out = forward<double>(s, v);
  const auto got = backward<double>(s, v, out, {}, dhn, dcn);

  EXPECT_EQ(out.cn, v.c0);
  EXPECT_EQ(got.dh0, dhn);
  EXPECT_EQ(got.dc0, dcn);
  EXPECT_EQ(got.dw_hh, std::vector<double>(64, 0.0));
}

TEST_P(Lstm, BadArgumentsAreNamed)
{
  Array<float> memory(ctx, std::vector<float>(64, 0));
  float *const v = memory.data();
  const auto call = [&](int64_t B, int64_t T, int64_t I, int64_t H, const float *x,
                        const float *w_ih, const float *w_hh, float *y, float *gates,
                        float *cells) {
    return op::lstm_forward<float>(ctx, B, T, I, H, x, w_ih, w_hh, nullptr, nullptr, nullptr,
                                   nullptr, y, nullptr, gates, cells);
  };
  const char *name = "apf_lstm_forward_f32";

  APF_EXPECT_OK(call(0, 3, 1, 2, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr));
  expect_failure(ctx, call(-1, 3, 1, 2, v, v, v, v, v, v), APF_ERR_ARGUMENT, {name, "B is -1"});
  expect_failure(ctx, call(1, -3, 1, 2, v, v, v, v, v, v), APF_ERR_ARGUMENT, {"T is -3"});
  expect_failure(ctx, call(1, 3, 0, 2, v, v, v, v, v, v), APF_ERR_ARGUMENT, {"I is 0"});
  expect_failure(ctx, call(1, 3, 1, 0, v, v, v, v, v, v), APF_ERR_ARGUMENT, {"H is 0"});
  expect_failure(ctx, call(1, 3, 1, 2, nullptr, v, v, v, v, v), APF_ERR_ARGUMENT, {"x is NULL"});
  expect_failure(ctx, call(1, 3, 1, 2, v, nullptr, v, v, v, v), APF_ERR_ARGUMENT, {"w_ih is NULL"});
  expect_failure(ctx, call(1, 3, 1, 2, v, v, nullptr, v, v, v), APF_ERR_ARGUMENT, {"w_hh is NULL"});
  expect_failure(ctx, call(1, 3, 1, 2, v, v, v, nullptr, v, v), APF_ERR_ARGUMENT, {"y is NULL"});
  expect_failure(ctx, call(1, 3, 1, 2, v, v, v, v, nullptr, v), APF_ERR_ARGUMENT,
                 {"gates is NULL"});
  expect_failure(ctx, call(1, 3, 1, 2, v, v, v, v, v, nullptr), APF_ERR_ARGUMENT,
                 {"cells is NULL"});
  expect_failure(ctx, call(INT64_MAX / 8, 3, 1, 2, v, v, v, v, v, v), APF_ERR_ARGUMENT,
                 {"overflows"});
  const auto back = [&](const float *w_hh, const float *y, const float *gates, const float *cells) {
    return op::lstm_backward<float>(ctx, 1, 3, 1, 2, v, v, v, v, v, w_hh, v, v, y, gates, cells, v,
                                    v, v, v, v, v);
  };
  expect_failure(ctx, back(nullptr, v, v, v), APF_ERR_ARGUMENT,
                 {"apf_lstm_backward_f32", "w_hh is NULL"});
  expect_failure(ctx, back(v, nullptr, v, v), APF_ERR_ARGUMENT, {"y is NULL"});
  expect_failure(ctx, back(v, v, nullptr, v), APF_ERR_ARGUMENT, {"gates is NULL"});
  expect_failure(ctx, back(v, v, v, nullptr), APF_ERR_ARGUMENT, {"cells is NULL"});
  expect_failure(nullptr,
                 op::lstm_forward<float>(nullptr, 1, 3, 1, 2, v, v, v, v, v, v, v, v, v, v, v),
                 APF_ERR_ARGUMENT, {"ctx is NULL"});
}
