/** The functions that map_unary and map_binary know. */
#ifndef APF_CORE_MAPS_H
#define APF_CORE_MAPS_H

/** y = f(x) with constants p, q. Behind each: its derivative, and what backward needs (x or y). */
typedef enum apf_unary_map {
  APF_MAP_AFFINE,     /**< p x + q            p              nothing */
  APF_MAP_EXP,        /**< e^(p x)            p y            y */
  APF_MAP_LOG,        /**< p ln x             p / x          x */
  APF_MAP_TANH,       /**<                    1 - y^2        y */
  APF_MAP_SIGMOID,    /**< 1 / (1 + e^-x)     y (1 - y)      y */
  APF_MAP_SOFTPLUS,   /**< ln(1 + e^x)        sigmoid(x)     x */
  APF_MAP_SIN,        /**<                    cos x          x */
  APF_MAP_COS,        /**<                    -sin x         x */
  APF_MAP_TAN,        /**<                    1 + y^2        y */
  APF_MAP_ABS,        /**<                    sign x, 0 at 0 x */
  APF_MAP_SQUARE,     /**<                    2 x            x */
  APF_MAP_SQRT,       /**<                    1 / (2 y)      y */
  APF_MAP_RECIPROCAL, /**<                    -y^2           y */
  APF_MAP_POW,        /**< x^p                p x^(p-1)      x */
  APF_MAP_CLAMP,      /**< min(max(x, p), q)  1 inside, limits included, else 0; x */
  APF_UNARY_MAPS
} apf_unary_map;

typedef enum apf_binary_map {
  APF_MAP_ADD,
  APF_MAP_SUB,
  APF_MAP_MUL,
  APF_MAP_DIV,
  APF_MAP_MIN, /**< a tie gives each half the gradient */
  APF_MAP_MAX,
  APF_BINARY_MAPS
} apf_binary_map;

#endif
