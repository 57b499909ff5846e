# Sanitizers and coverage apply to everything that is built here, so that libraries and tests agree.
if(DRYDOCK_SANITIZE)
  add_compile_options(-fsanitize=${DRYDOCK_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${DRYDOCK_SANITIZE})
endif()
if(DRYDOCK_COVERAGE)
  add_compile_options(--coverage)
  add_link_options(--coverage)
endif()
