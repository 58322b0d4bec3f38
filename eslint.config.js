import js from "@eslint/js";
import globals from "globals";

export default [
  { ignores: ["**/node_modules/", "static/vendor/", "**/.venv/", "var/", "docs/", "test-results/"] },
  js.configs.recommended,
  {
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: {
      curly: ["error", "multi-line"],
      eqeqeq: ["error", "always", { null: "ignore" }],
      "no-control-regex": "off", // terminal output is full of them
      "no-empty": ["error", { allowEmptyCatch: true }],
      "no-restricted-properties": [
        "error",
        { property: "innerHTML", message: "What agents write can't be trusted: build nodes, or sanitize." },
        { property: "outerHTML", message: "What agents write can't be trusted: build nodes, or sanitize." },
        { property: "insertAdjacentHTML", message: "What agents write can't be trusted: build nodes, or sanitize." },
      ],
      "no-unused-private-class-members": "off", // takes `this.#x ??= …` for unused
      "no-unused-vars": ["error", { argsIgnorePattern: "^_", varsIgnorePattern: "^_$", caughtErrors: "none" }],
      "no-use-before-define": ["error", { functions: false, classes: false, variables: false }],
      "no-var": "error",
      "object-shorthand": "error",
      "prefer-const": ["error", { destructuring: "all" }],
    },
  },
  { files: ["static/**", "agents/static/**"], languageOptions: { globals: globals.browser } },
  { files: ["static/js/theme.js"], languageOptions: { sourceType: "script" } },
  { files: ["clients/js/**"], languageOptions: { globals: globals["shared-node-browser"] } },
  { files: ["tests/**", "benchmarks/**", "*.js"], languageOptions: { globals: globals.node } },
];
